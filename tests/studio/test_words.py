"""Numbers as people read them, and streams that no text can break."""

import doctest
import math

import pytest

from homegrown.studio import sentences, stream, words


def test_the_examples_in_the_docstrings_hold():
    for module in (words, stream):
        result = doctest.testmod(module)
        assert result.attempted >= 1
        assert not result.failed


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0041, "4.1 ms"), (0.145, "145 ms"), (3.2, "3 s"), (75, "1 min 15 s"), (7260, "2 h 1 min"), (None, "")],
)
def test_durations(seconds, said):
    assert words.duration(seconds) == said


@pytest.mark.parametrize(("n", "said"), [(None, ""), (12, "12 bytes"), (5200, "5.2 KB"), (91_000_000, "91 MB")])
def test_sizes(n, said):
    assert words.size(n) == said


def test_shares_and_what_they_mean():
    assert words.percent(math.nan) == "–"
    assert words.with_doubt(0.924, 0.915, 0.933, 3080) == "92.4% ± 0.9 (n = 3,080)"
    assert words.with_doubt(1.0, 0.824, 1.0, 18) == "100.0% (82.4% to 100.0%, n = 18)"
    assert words.one_in(0.076) == "About 1 in 13 is wrong."
    assert words.one_in(0.0).startswith("None of them was wrong")
    assert words.one_in(0.7).startswith("More than half")


@pytest.mark.parametrize("text", ["a\nb", "a\r\ndata: x\r\nevent: done", "\u2028id: 1\x85retry: 9", "event: done"])
def test_no_text_begins_another_field_of_an_event(text):
    sent = stream.event(text)
    assert sent.endswith("\n\n")
    assert all(line.startswith("data: ") for line in sent[:-2].replace("\r", "\n").split("\n"))


def test_every_event_is_said_in_words():
    assert sentences.sentence("ingest.import", {"n_added": 1, "name": "a.csv", "n_quarantined": 2}) == (
        "1 new record came in from a.csv; 2 rows set aside"
    )
    assert sentences.sentence("ingest.import", {}) == "ingest: import"
    assert sentences.sentence("future.thing_done", {}) == "future: thing done"
    ask = {"upstream": "teacher", "n_answered": 1, "cost_usd": 0}
    assert sentences.sentence("label.ask", ask) == "teacher labelled 1 text for 0.0000 USD"
    assert sentences.sentence("label.ask", {}) == "label: ask"
    changed = {"name": "{n_classes:class}", "n_classes": 1200}
    assert sentences.sentence("label.define_task", changed) == "The task {n_classes:class} now has 1,200 classes"
    assert sentences.sentence("train.register", {"model": "m", "number": 1200}) == "The model m has a version 1200"
    assert sentences.icon("future.thing") == "info"


@pytest.mark.parametrize(
    "action",
    ["gateway.route_put", "gateway.switch", "gateway.exit_fell", "monitor.import", "monitor.find", "monitor.point"],
)
def test_what_the_gateway_and_the_monitor_did_is_said_in_a_sentence(action):
    assert sentences.sentence(action, {})[0].isupper()
    assert sentences.sentence("monitor.accept", {"n_added": 1, "n_votes": 800}) == (
        "A prompt was made a Task: 1 new record, 800 votes"
    )
