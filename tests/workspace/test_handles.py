import re
import textwrap
from pathlib import Path

import pytest

import homegrown as hg
from homegrown.errors import InputError, NotFoundError
from tests.conftest import TOPICS

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


@pytest.fixture
def ws(tmp_path, messages):
    with hg.connect(tmp_path / "work") as ws:
        ws.ingest(messages, text="message", label="topic")
        yield ws


def test_the_path_as_the_page_shows_it(tmp_path, monkeypatch, capsys):
    rows = [
        f"{text} {'ab'[i % 2]}{i},{topic}\n" for topic, texts in TOPICS.items() for text in texts for i in range(10)
    ]
    (tmp_path / "tickets.csv").write_text("message,topic\n" + "".join(rows))
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"## The path\n\n((?: {4}.*\n|\n)+)", PAGE.read_text())
    held = {}
    exec(compile(textwrap.dedent(code), str(PAGE), "exec"), held)
    try:
        shown = capsys.readouterr().out
        assert "Against simpler means" in shown
        assert held["model"].name == "intent@1"
        assert [a["label"] for a in held["answers"]] == ["refund"]
        assert held["ws"].store.endpoints.list()[0].name == "intent"
        assert set(held["table"].columns) == {"answer", "n"}
        assert held["path"].read_text().startswith("<!doctype html>")
    finally:
        held["ws"].close()


def test_a_task_is_defined_by_a_column_or_by_classes_and_found_again(ws):
    task = ws.task("intent", column="topic", guidelines="What is it about?")
    assert task.classes == ("card", "login", "refund")
    assert ws.task("intent").noun == task.noun
    assert task.noun.guidelines == "What is it about?"
    assert ws.task("mood", classes=["glad", "cross", "glad"]).classes == ("glad", "cross")
    assert ws.task("tags", classes=["a", "b"], many=True).noun.kind == "classes"
    assert repr(ws.task("mood")) == "Task 'mood', 2 classes"
    with pytest.raises(NotFoundError, match=r"no task 'other'; name its column or its classes. Tasks: intent, mood"):
        ws.task("other")
    with pytest.raises(InputError, match="either the column"):
        ws.task("both", column="topic", classes=["a", "b"])
    for wrong in (["one"], "refund", ["a", ""]):
        with pytest.raises(InputError, match="at least two classes"):
            ws.task("few", classes=wrong)


def test_what_is_odd_about_the_labels_is_said_where_the_task_is_shown(ws, tmp_path):
    odd = tmp_path / "odd.csv"
    odd.write_text("message,topic\n" + "".join(f"words {i},{'card' if i % 3 else 'Card'}\n" for i in range(9)))
    ws.ingest(odd, text="message")
    assert "differ by case" in repr(ws.task("intent", column="topic"))


def test_a_model_goes_wherever_a_model_is_named(ws):
    task = ws.task("intent", column="topic")
    snapshot = task.snapshot(seed=1)
    first, second = (task.train(snapshot, "lexical", seed=seed) for seed in (0, 1))
    assert (first.name, second.name) == ("intent@1", "intent@2")
    assert ws.model("intent").version == second.version
    assert ws.deploy(second, "live").version_id == second.version.version_id
    assert ws.predict(first, ["please refund the order"]) == first.predict(["please refund the order"])
    assert first.evaluate(compare=second)["comparison"]["name"].startswith("intent@2")
    with pytest.raises(InputError, match=r"predict\(\[text\]\)"):
        first.predict("please refund the order")
    with pytest.raises(InputError, match="there is no option 'depth'"):
        task.train(snapshot, "lexical", depth=3)


def test_a_model_of_many_classes_answers_all_that_apply(ws, tmp_path):
    rows = [f'"card lost {i}","[""card""]"\n"card lost and password wrong {i}","[""card"",""login""]"\n"password wrong {i}","[""login""]"\n' for i in range(20)]  # fmt: skip
    (tmp_path / "many.csv").write_text("message,tags\n" + "".join(rows))
    ws.ingest(tmp_path / "many.csv", text="message")
    task = ws.task("tags", column="tags")
    (both, one) = task.train(task.snapshot(), "lexical").predict(["card lost and password wrong", "card lost"])
    assert both["labels"] == ["card", "login"]
    assert one["labels"] == ["card"]


def test_shown_in_a_page_nothing_of_the_data_can_run(ws):
    result = ws.sql("select '<script>alert(1)</script>' as \"<b>\", i from range(30) t(i)")
    page = result._repr_html_()
    assert "<script" not in page
    assert "<b>" not in page
    assert "20 of 30 rows" in page
    task = ws.task("intent", column="topic")
    evaluation = task.train(task.snapshot(), "lexical", name='"><script>').evaluate()
    page = evaluation._repr_html_()
    assert "<script" not in page
    assert 'sandbox=""' in page
    assert repr(evaluation).endswith(evaluation["sentence"])
