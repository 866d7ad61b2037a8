"""Values beside words, and on lines by their number."""

import json

import pytest

from homegrown.core.rules import FieldRule, LineFill, NearFill
from homegrown.core.schema import Field, FieldType
from homegrown.core.tasks import Task, TaskKind
from homegrown.inference.candidates import Reading
from homegrown.label.rules.fills import Filler, Unread
from homegrown.label.rules.object_rules import field_sentence
from homegrown.workspace import connect

PAGE = "ACME Ltd\tINVOICE\n\nTotal items 2\nTotal:\t12.50 EUR\nTax (6%)   0.75\nDue 03/04/2026\nPaid to\n  Ann Lee, Cork  \nSubtotal 11.75"
FIELDS = (
    Field("f_1", "who", FieldType.SPAN),
    Field("f_2", "total", FieldType.MONEY),
    Field("f_3", "day", FieldType.DATE),
    Field("f_4", "all", FieldType.SPAN, takes_many=True),
    Field("f_5", "n", FieldType.NUMBER),
)


def found(fill, text=PAGE, reading=None):
    """The words that a fill marks, and how many it could not read."""
    task = Task("task_1", "t", 1, TaskKind.OBJECT, (), fields=FIELDS)
    unread = Unread()
    (value,) = Filler(task, [fill], reading).values(["r"], [text], unread)
    if value is None:
        return unread.n
    ((_, answer),) = json.loads(value)["fields"].items()
    return [text[a:b] for a, b in answer["spans"]]


@pytest.mark.parametrize(
    ("fill", "words"),
    [
        (NearFill("total", ["total"]), ["2"]),
        (NearFill("total", ["Total:"]), ["12.50 EUR"]),
        (NearFill("total", ["total"], which="last"), ["12.50 EUR"]),
        (NearFill("total", ["tax"]), ["0.75"]),
        (NearFill("total", ["paid  TO"]), 0),
        (NearFill("who", ["paid to"]), ["Ann Lee, Cork"]),
        (NearFill("who", ["PAID TO"], case=True), 0),
        (NearFill("who", ["invoice"], "before"), ["ACME Ltd"]),
        (NearFill("who", ["Cork"], "line"), ["Ann Lee, Cork"]),
        (NearFill("total", ["tax"], "before"), ["12.50 EUR"]),
        (NearFill("all", ["total", "tax"], which="all"), ["items 2", "12.50 EUR", "(6%)   0.75"]),
        (NearFill("n", ["items"]), ["2"]),
        (NearFill("who", ["nowhere"]), 0),
        (LineFill("who", 1), ["ACME Ltd"]),
        (LineFill("who", 2), ["Total items 2"]),
        (LineFill("total", -1), ["11.75"]),
        (LineFill("who", 99), 0),
        (LineFill("day", 1), 0),
    ],
)
def test_what_stands_beside_words_and_on_lines(fill, words):
    assert found(fill) == words


def test_a_date_that_may_be_two_is_read_as_the_workspace_reads_dates():
    assert found(NearFill("day", ["due"])) == 1, "nothing tells, and that is counted"
    assert found(NearFill("day", ["due"]), reading=Reading(day_first=True)) == ["03/04/2026"]


def test_what_is_far_away_or_cut_is_nothing():
    assert found(NearFill("total", ["sum"]), "sum " + "x " * 98 + "12345.67") == 0
    assert found(NearFill("who", ["to"]), "to " + "word " * 60) == 0
    assert found(NearFill("who", ["שולם ל"]), "שולם ל: דנה כהן") == ["דנה כהן"]
    assert found(NearFill("total", ["e\u0301tat"]), "e\u0301tat 5.00") == ["5.00"]


def test_rules_say_it_in_a_sentence():
    fills = [NearFill("total", ["total", "sum"], which="last"), NearFill("who", ["Ltd"], "line"), LineFill("who", -1)]
    assert field_sentence(FieldRule("r", fills)) == (
        "Fill total with the last of what stands behind “total”, “sum”, and who with the line with “Ltd”, "
        "and who with the last line."
    )


def test_rules_of_a_workspace_read_dates_as_its_records_write_them(tmp_path):
    texts = [f"Bill {i}\nDue {day}/04/2026" for i, day in enumerate(("03", "25", "26", "27"))]
    (tmp_path / "in.jsonl").write_text("\n".join(json.dumps({"text": t}) for t in texts), encoding="utf-8")
    with connect(tmp_path / "ws") as ws:
        ws.ingest(tmp_path / "in.jsonl", text="text")
        task = ws.task("bill", fields={"day": "date"})
        rule = {"name": "due", "fills": [{"kind": "near", "field": "day", "any": ["due"]}]}
        assert ws.preview_rule(task, rule).n_matches == 4
        ws.add_rule(task, rule)
        assert ws.run_rules(task).rules[0].n_votes == 4
        values = ws.store.votes.of_task(task.noun.task_id)["value"].to_pylist()
        assert any("2026-04-03" in value for value in values)
