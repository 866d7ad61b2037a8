"""Rules in the studio: built as a sentence with a live preview, kept, changed, removed and brought back."""

import re

import pytest

from homegrown.core.access import SYSTEM, Role
from homegrown.core.rules import Field, ModelSays, Pattern, Rule, Similar, Sql, Words
from homegrown.studio.rule_form import form_of_rule
from homegrown.workspace import connect
from tests.conftest import write_messages
from tests.studio.conftest import running, serious, visiting

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"


@pytest.fixture
def desk(tmp_path):
    """A studio over records without labels."""
    with connect(tmp_path / "desk", actor=SYSTEM) as ws:
        ws.ingest(write_messages(tmp_path / "messages.csv", n_per_class=20), text="message")
        ws.task("topic", classes=["card", "refund", "login", HOSTILE])
        with running(ws) as studio:
            yield studio


def here(studio):
    return f"/label/tasks/{studio.ws.store.tasks.find('topic').task_id}/rules"


def test_a_rule_is_built_tried_kept_changed_removed_and_brought_back(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        visit.go(here(desk))
        assert "No rule votes yet" in page.inner_text("main")
        page.fill("#any", "money back, refund*")
        page.select_option("#says", "refund")
        page.wait_for_selector("#preview >> text=Votes on 20 of 60 records")
        assert "20 records would get a first label" in page.inner_text("#preview")
        page.fill("#none", "missing")
        page.wait_for_selector("#preview >> text=Votes on 15 of 60 records")
        visit.shot("rules-preview", full_page=True)
        visit.click("text=Keep it and let it vote")
        page.wait_for_selector(".notice-good >> text=It votes on 15 records.")
        assert "contains any of “money back”, “refund*” and none of “missing”" in page.inner_text(".table-wrap")
        page.click("table >> text=refund: money back")
        assert page.input_value("#none") == "missing"
        page.fill("#none", "")
        page.wait_for_selector("#preview >> text=Votes on 20 of 60 records")
        visit.click("text=Keep it and let it vote")
        page.wait_for_selector(".notice-good >> text=It votes on 20 records.")
        visit.click("text=Undo")
        page.wait_for_selector(".notice-good >> text=votes as it did")
        (rule,) = desk.ws.rules("topic")
        assert (rule.figures.n_votes, rule.version) == (15, 3)
        visit.click("[aria-label^='Remove the rule']")
        page.wait_for_selector(".notice-good >> text=votes no more")
        assert desk.ws.rules("topic") == []
        visit.click("text=Undo")
        page.wait_for_selector(".notice-good >> text=votes as it did")
        assert [r.figures.n_votes for r in desk.ws.rules("topic")] == [15]


def test_likeness_is_taught_by_yes_and_no(chromium, desk):
    with visiting(chromium, desk) as visit:
        page = visit.page
        visit.go(here(desk))
        page.click("summary:has-text('More conditions')")
        page.fill("#examples", "give me my money back please")
        page.select_option("#says", "refund")
        page.wait_for_selector("#preview >> text=Like your examples?", timeout=60_000)
        before = page.inner_text("#preview")
        page.locator("#preview li", has_text="money").first.locator("button", has_text="Yes").click()
        page.wait_for_url("**yes=*")
        page.locator("#preview li").filter(has_not_text="money").first.locator("button", has_text="No").click()
        page.wait_for_url("**no=*")
        assert page.inner_text("#preview") != before
        assert page.locator("input[name=yes]").count() == page.locator("input[name=no]").count() == 1


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_the_page_is_clean_to_axe_and_fits_and_hostile_text_stays_text(chromium, desk, width, theme):
    desk.ws.add_rule(
        "topic", {"name": HOSTILE, "says": [HOSTILE], "when": [{"kind": "words", "any": [HOSTILE, "card"]}]}
    )
    desk.ws.run_rules("topic")
    with visiting(chromium, desk, width=width, theme=theme) as visit:
        page = visit.page
        page.on("dialog", lambda dialog: (visit.trouble.append("a dialog opened"), dialog.dismiss()))
        visit.go(here(desk) + "?any=card,refund&says=card&pattern=%28a")
        assert "cannot be used" in page.inner_text("#preview")
        visit.go(here(desk) + "?any=card,refund&says=card&where=channel&name=%3Cb%3E")
        visit.go(here(desk) + "?any=card,refund&says=card")
        assert HOSTILE in page.inner_text(".table-wrap")
        visit.shot(f"rules-{width}-{theme}", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert not serious(page)


def test_what_a_form_cannot_be_is_said(desk):
    with desk.client() as client:
        for form in (
            {},
            {"any": "x"},
            {"says": "refund"},
            {"any": "x", "says": "nothing"},
            {"sql": "nowhere", "says": "card"},
        ):
            answer = client.post(here(desk), data=form)
            assert answer.status_code == 422, form
            assert "Traceback" not in answer.text
        bad = {"any": "x", "says": "card", "model": "none", "model_says": "card", "above": "many"}
        assert "percentage" in client.post(here(desk) + "/preview", data=bad).text
        assert "percentage" in client.get(here(desk), params=bad).raise_for_status().text
        assert client.get(here(desk) + "?rule=nothing").status_code == 200
        assert client.get("/label/tasks/task_nothing/rules").status_code == 404
    with desk.client(Role.REVIEWER) as client:
        assert "Rules are made by builders" in client.get(here(desk)).text
        assert client.post(here(desk), data={"any": "x", "says": "card"}).status_code == 403


def test_the_twin_for_programs_has_the_same_facts(desk):
    desk.ws.add_rule("topic", {"name": "r", "says": ["refund"], "when": [{"kind": "words", "any": ["refund"]}]})
    with desk.client(accept="application/json") as client:
        twin = client.get(here(desk), params={"any": "card", "says": "card"}).json()
    assert twin["rules"][0]["has_run"] is False
    assert twin["preview"]["headline"].startswith("Votes on 20 of 60")
    assert "add_rule" in twin["as_code"]["python"]


@pytest.mark.parametrize(
    "when",
    [
        [Words(["a b", "c*"], ["d"])],
        [Words(["a"], [], "channel"), Pattern("x+", "channel"), Field("n", "above", "3")],
        [Sql("n_chars > 3"), Similar(["one", "two"], None, ["r1"], ["r2"]), ModelSays("m", "a", 0.85)],
    ],
)
def test_what_the_form_says_comes_back_from_the_form(when):
    form = form_of_rule(Rule("name", ["a"], when))
    assert form is not None
    assert sorted(map(repr, form.rule().when)) == sorted(map(repr, when))


@pytest.mark.parametrize(
    "when",
    [[Words(["a, b"])], [Pattern("x"), Pattern("y")], [Words(["a"], case=True)], [Pattern("x", is_not=True)],
     [Similar(["one"], 0.9)], [Words(["a"], [], "f"), Pattern("x")], [Field("a", "empty"), Field("b", "empty")]],
)  # fmt: skip
def test_what_the_form_cannot_say_is_not_bent_to_fit(when):
    assert form_of_rule(Rule("name", ["a"], when)) is None


def test_every_answer_has_its_number(desk):
    task_id = desk.ws.store.tasks.find("topic").task_id
    base = f"/api/v1/tasks/{task_id}/rules"
    rule = {"name": "r", "says": ["refund"], "when": [{"kind": "words", "any": ["refund"]}]}
    with desk.client(accept="application/json") as client:
        seen = client.post(base + "/preview", json=rule).json()
        assert (seen["n_matches"], seen["n_records"], round(seen["coverage"], 2)) == (20, 60, 0.33)
        assert re.match("lsrc_", client.post(base, json=rule).json()["label_source_id"])
        assert client.post(base, json={**rule, "says": ["nothing"]}).status_code == 422
        desk.ws.run_rules("topic")
        (listed,) = client.get(base).json()["rules"]
        assert (listed["n_votes"], listed["rule"]["when"][0]["kind"]) == (20, "words")
        assert client.post(base + "/run", json={"names": ["nothing"]}).status_code == 404
        assert client.post(base + "/run", json={}).json()["job_id"]
        gone = client.post(base + "/remove", json={"name": "r"}).json()
        assert client.get(base).json() == {"rules": []}
        assert client.post(base + "/restore", json=gone).status_code == 200
        assert client.post(base + "/restore", json={"label_source_id": "x"}).status_code == 404
        assert client.post(base, json={**rule, "when": [{"kind": "python", "code": "1"}]}).status_code == 422
    with desk.client(Role.REVIEWER, accept="application/json") as client:
        assert client.get(base).status_code == 200
        assert client.post(base, json=rule).status_code == 403
