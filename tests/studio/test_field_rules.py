"""Rules that fill fields, built in the studio: seen in the texts, kept, changed, removed, brought back; and refused."""

import json

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.rules import FieldRule, LineFill, NearFill, PatternFill, PhrasesFill, ValueFill, Words
from homegrown.studio.field_rule_form import form_of_field_rule
from homegrown.workspace import connect
from tests.studio.conftest import running, serious, visiting
from tests.studio.test_browser import HOSTILE

LONG = "and so on, as was said before. " * 20
FIELDS = {"who": "span", "total": "money", "kind": ["bill", "offer"], "all": "span*", "paid": "boolean"}


@pytest.fixture
def desk(tmp_path):
    """A studio over twelve bills, of which a column knows the totals."""
    texts = [
        f"Bill {i} {HOSTILE} {LONG if i == 3 else ''}to Ann Lee, total: {i}.50 EUR, tax 1.00 EUR" for i in range(12)
    ]
    rows = [{"text": t, "known": {"total": f"{i}.50 EUR" if i else "9.99 EUR"}} for i, t in enumerate(texts)]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        ws.task("bill", fields=FIELDS).import_answers("known")
        with running(ws) as studio:
            yield studio


def here(studio, part=""):
    return f"/label/tasks/{studio.ws.store.tasks.find('bill').task_id}/rules{part}"


def test_a_rule_is_built_seen_kept_changed_removed_and_brought_back(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        page.on("dialog", lambda dialog: (visit.trouble.append("a dialog opened"), dialog.dismiss()))
        visit.go(here(desk)[: -len("/rules")])
        page.click("text=Rules")
        page.select_option("[name=fill_field]", "total")
        page.select_option("[name=fill_kind]", "pattern")
        page.fill("[name=fill_what]", r"[\d.]+ EUR")
        page.wait_for_selector("#preview >> text=Fills 12 of 12 records")
        assert page.locator("#preview .marked-text mark").first.get_attribute("data-name") == "total"
        assert page.locator("#preview img, #preview script").count() == 0
        page.select_option("[name=fill_which]", "last")
        page.wait_for_selector("#preview .tag:has-text('total: 1.00 EUR')")
        page.select_option("[name=fill_which]", "first")
        page.select_option("[name=fill_kind]", "behind")
        page.fill("[name=fill_what]", "total")
        page.wait_for_selector("#preview >> text=what stands behind “total”")
        page.click("text=Fill another field too")
        page.wait_for_selector(".fill-line >> nth=1")
        second = page.locator(".fill-line").nth(1)
        second.locator("[name=fill_field]").select_option("who")
        second.locator("[name=fill_what]").fill("Ann Lee\nBob, Ray")
        page.wait_for_selector("#preview td.num >> nth=1")
        assert page.locator("#preview mark[data-name=who]").count() > 0
        visit.shot("field-rules", full_page=True)
        assert not serious(page)
        visit.click("text=Keep it and let it vote")
        page.wait_for_selector(".notice-good >> text=It votes on 12 records.")
        (rule,) = desk.ws.rules("bill")
        assert rule.rule.fills[1] == PhrasesFill("who", ["Ann Lee", "Bob, Ray"])
        page.click("table >> text=total:")
        assert page.locator("[name=fill_what]").all()[1].input_value() == "Ann Lee\nBob, Ray"
        page.click("summary:has-text('Only in some records')")
        page.fill("#any", "Bill 1")
        page.wait_for_selector("#preview >> text=Fills 1 of 12 records")
        visit.click("text=Keep it and let it vote")
        page.wait_for_selector(".notice-good >> text=It votes on 1 record.")
        visit.click("text=Undo")
        page.wait_for_selector(".notice-good >> text=votes as it did")
        visit.click("[aria-label^='Remove the rule']")
        page.wait_for_selector(".notice-good >> text=votes no more")
        assert desk.ws.rules("bill") == []
        visit.click("text=Undo")
        page.wait_for_selector(".notice-good >> text=votes as it did")
        assert [r.figures.n_votes for r in desk.ws.rules("bill")] == [12]


def test_the_page_fits_a_phone_and_is_clean_to_axe(chromium, desk):
    fills = [{"kind": "pattern", "pattern": r"total: (?P<total>[\d.]+ EUR)"}]
    desk.ws.add_rule("bill", {"name": HOSTILE, "fills": fills})
    desk.ws.run_rules("bill")
    with visiting(chromium, desk, width=390, theme="dark") as visit:
        page = visit.page
        visit.go(here(desk, "?fill_field=who&fill_kind=pattern&fill_what=tax+.*%24"))
        assert HOSTILE in page.inner_text(".table-wrap")
        assert page.locator("#preview mark").count() > 0
        visit.shot("field-rules-390", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert not serious(page)


def test_what_a_form_cannot_be_is_said(desk):
    said = {"fill_field": "total", "fill_kind": "pattern", "fill_what": "x"}
    with desk.client() as client:
        for form, why in (
            ({}, "A rule needs a field"),
            ({**said, "fill_kind": "phrases", "fill_field": ""}, "Choose the field"),
            ({**said, "fill_field": "kind"}, "words of a text fill no such field"),
            ({**said, "fill_what": "a(?=b)"}, "RE2"),
            ({**said, "fill_field": "nothing"}, "no field"),
            ({**said, "fill_which": "all"}, "takes one answer"),
            ({**said, "fill_kind": "number"}, "named by its number"),
            ({**said, "fill_kind": "value", "fill_field": "kind", "fill_what": "spam"}, "none of its choices"),
            ({**said, "model": "none", "model_says": "x", "above": "many"}, "percentage"),
        ):
            answer = client.post(here(desk), data=form)
            assert answer.status_code == 422, form
            assert why in answer.text, form
            if form:
                assert why in client.post(here(desk, "/preview"), data=form).raise_for_status().text
                assert why in client.get(here(desk), params=form).raise_for_status().text
        # No pattern can be made to hang: RE2's time grows with the text alone.
        tried = client.post(
            here(desk, "/preview"), data={**said, "fill_field": "who", "fill_what": "(a+)+(b+)+$|(.*)*EUR"}
        )
        assert "Fills 12 of 12 records" in tried.text
        bad = client.post(here(desk, "/preview"), data={**said, "fill_what": "Bill"})
        assert "12 values are no votes" in bad.text
        kept = client.post(here(desk), data={"fill_field": "paid", "fill_kind": "absent", "fill_what": ""})
        assert kept.status_code == 303
        assert desk.ws.rules("bill")[0].rule.fills == [ValueFill("paid", None)]
        assert "no such rule" in client.get(here(desk), params={"rule": "nothing"}).text
    with desk.client(Role.REVIEWER) as client:
        assert "Rules are made by builders" in client.get(here(desk)).text
        assert client.post(here(desk), data=said).status_code == 403


def test_programs_get_the_marks_and_the_fields(desk):
    rule = {"name": "t", "fills": [{"kind": "pattern", "pattern": r"total: (?P<total>[\d.]+ EUR)"}]}
    task_id = desk.ws.store.tasks.find("bill").task_id
    with desk.client(accept="application/json") as client:
        tried = client.post(f"/api/v1/tasks/{task_id}/rules/preview", json=rule).json()
        twin = client.get(here(desk)).json()
    assert tried["by_field"] == [{"name": "total", "n_fills": 12, "n_judged": 0, "n_right": 0}]
    (against,) = tried["conflicts"]
    assert (against["label"], against["would_be"]) == ("total: 0.50 EUR", "total: 9.99 EUR")
    for one in tried["matches"]:
        ((name, start, end),) = one["marks"]
        assert (name, one["text"][start:end]) == ("total", one["label"].removeprefix("total: "))
        assert len(one["text"]) < 400
    assert tried["beside"] == [{"kind": "imported", "name": "known", "n_both": 12, "n_conflict": 1}]
    assert twin["targets"] == list(FIELDS)


@pytest.mark.parametrize(
    "fills",
    [
        [PhrasesFill("who", ["a, b", "c"], case=True, which="last"), PatternFill("(?P<total>x+) ")],
        [PatternFill("a\nb", "who", which="first"), ValueFill("kind", "bill"), ValueFill("paid", None)],
        [NearFill("who", ["a", "b c"], "before", which="last"), NearFill("who", ["x"], "line"), LineFill("who", -2)],
    ],
)
def test_what_the_form_says_comes_back_from_the_form(fills):
    rule = FieldRule("name", fills, [Words(["a"], ["b"])])
    form = form_of_field_rule(rule)
    assert form is not None
    assert (form.rule().fills, form.rule().when) == (fills, rule.when)


@pytest.mark.parametrize(
    ("fills", "when"),
    [
        ([PhrasesFill("who", ["a\nb"])], []),
        ([PatternFill("a\n", "who")], []),
        ([ValueFill("x", "a")], [Words(["a, b"])]),
    ],
)
def test_what_the_form_cannot_say_is_not_bent_to_fit(fills, when):
    assert form_of_field_rule(FieldRule("name", fills, when)) is None


def test_values_come_back_as_people_write_them():
    form = form_of_field_rule(FieldRule("name", [ValueFill("paid", True), ValueFill("n", 5)]))
    assert form is not None
    assert [one.what for one in form.fills] == ["yes", "5"]
