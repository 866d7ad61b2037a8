"""A few records that stand for many: what people say of them corrects a model's votes around them, and no others."""

import numpy as np
import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.models import Recipe
from homegrown.errors import EmptyDataError, InputError
from homegrown.metrics.corrections import spread_verdicts
from homegrown.metrics.representatives import representatives
from homegrown.workspace import connect
from tests.monitor.calls import call, message, rng

SYSTEM = "Say what the customer wants: card, refund or login. Answer by the label alone."


def truth_of(text):
    if "money" in text or "refund" in text:
        return "refund"
    return "card" if "card" in text else "login"


def said_of(text):
    """An upstream that takes everything about passwords for a card."""
    return "card" if "password" in text else truth_of(text)


@pytest.fixture
def found(tmp_path):
    """A task made of calls of such an upstream."""
    with connect(tmp_path / "work") as ws:
        draw, topics = rng(3), ("card", "refund", "login")
        texts = [message(draw, topics[i % 3]) for i in range(300)]
        ws.store.captured_imports.add([call(i, SYSTEM, text, said_of(text)) for i, text in enumerate(texts)])
        template = ws.find_tasks().proposals[0].template
        yield ws, ws.accept_template(template.template_id, name="wish").task


def labels(ws, snapshot, task):
    """Share of right labels among the rows that a model learns from."""
    rows = [r for r in ws.store.snapshots.read(snapshot.snapshot_id).to_pylist() if r["split"] in ("train", "valid")]
    texts = ws.store.records.texts([r["record_id"] for r in rows])
    names = task.class_names
    return np.mean([names[int(np.argmax(r["probs"]))] == truth_of(texts[r["record_id"]]) for r in rows])


def check(ws, task, n):
    asked = ws.records_to_check(task, n)
    for record_id, text in ws.store.records.texts(asked).items():
        ws.vote(record_id, task, truth_of(text))
    return asked


def test_mistakes_that_are_seen_twice_correct_the_votes_around_them(found):
    ws, task = found
    assert labels(ws, ws.snapshot(task, test_share=0.2), task) < 0.9
    first, second = check(ws, task, 30), check(ws, task, 15)
    assert not set(first) & set(second)
    after = ws.snapshot(task, test_share=0.2)
    assert labels(ws, after, task) > 0.97
    assert ws.train(after, Recipe("lexical", {}, 0), "wish").number == 1


def test_what_nobody_was_asked_to_check_corrects_nothing_but_itself(found):
    """Somebody who looks for mistakes alone would make the upstream seem to err everywhere."""
    ws, task = found
    texts = {r.record_id: r.text for r in ws.store.records.page(None, 1000).records}
    wrong = [i for i, text in texts.items() if said_of(text) != truth_of(text)][:30]
    for record_id in wrong:
        ws.vote(record_id, task, truth_of(texts[record_id]))
    n_wrong = sum(said_of(t) != truth_of(t) for t in texts.values())
    assert labels(ws, ws.snapshot(task), task) < 1 - (n_wrong - 30) / len(texts) + 0.05


def test_a_terminal_names_them_and_keeps_them_as_a_selection(found, tmp_path):
    ws, task = found
    asked = ["label", "check", "wish", "-n", "5", "--selection", "doubts", "--workspace", str(tmp_path / "work")]
    done = CliRunner().invoke(cli, asked)
    assert done.exit_code == 0, done.output
    assert len(ws.selected_ids("doubts")) == 5
    assert all(record_id in done.output for record_id in ws.selected_ids("doubts"))
    with pytest.raises(InputError, match="Between 1 and"):
        ws.records_to_check(task, 0)
    with pytest.raises(EmptyDataError, match="No model has labelled"):
        ws.records_to_check(ws.task("other", classes=["a", "b"]).noun, 5)


def test_mistakes_by_chance_are_not_spread():
    draw = np.random.default_rng(0)
    centres = np.linalg.qr(draw.normal(size=(16, 16)))[0][:4]
    truth = np.repeat(np.arange(4), 100)
    vectors = centres[truth] + draw.normal(size=(400, 16)) * 0.1
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    said = truth.copy()
    said[truth == 3] = 2  # a habit
    lucky = draw.permutation(300)[:5]
    said[lucky] = (truth[lucky] + 1 + np.arange(5) % 2) % 3  # chance
    rows = np.union1d(representatives(vectors, said, 20), lucky)
    told = np.full(400, -1)
    told[rows] = truth[rows]
    done = spread_verdicts(vectors, said, told)
    assert (done == truth)[300:].mean() > 0.95
    others = np.setdiff1d(np.arange(300), rows)
    assert (done == said)[others].mean() > 0.97
