"""Groups before classes: found, changed, taken back, made classes, forgotten; then what to label next."""

import json
import time

import numpy as np
import pytest
import sqlalchemy as sa

from homegrown.core.assignments import Choice, Submission
from homegrown.core.tasks import LabelSourceKind
from homegrown.curate.labels import read_labels
from homegrown.errors import ConflictError, EmptyDataError, InputError, NotFoundError
from homegrown.label import evidence
from homegrown.label.choose import Board, Why, choose
from homegrown.label.cluster_class import sample_of
from homegrown.label.grouping import cluster_of
from homegrown.label.next import NextRecords
from homegrown.label.outlook import TOO_EARLY, forecast
from homegrown.label.pool_fit import fit_pool, fit_with_pool, settled
from homegrown.metrics.clusters import clusters
from homegrown.metrics.communities import communities
from homegrown.metrics.neighbours import neighbours, spread
from homegrown.store import tables
from homegrown.store.votes import vote_table
from homegrown.train.softmax import fit_head
from homegrown.workspace import connect
from homegrown.workspace.bulk import Checked, Filter
from tests.conftest import write_messages


def blobs(n_groups: int = 4, each: int = 60, dim: int = 24, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors round a few centres, and the centre of each."""
    draw = np.random.default_rng(seed)
    truth = np.repeat(np.arange(n_groups), each)
    x = draw.normal(size=(n_groups, dim))[truth] + 0.45 * draw.normal(size=(len(truth), dim))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), truth


def board(x, truth, rows, **more):
    counts = np.zeros((len(x), int(truth.max()) + 1), np.float32)
    counts[rows, truth[rows]] = 1
    labelled = counts.sum(1) > 0
    near = neighbours(x)
    found = fit_pool(fit_head, x, near, counts) if len(rows) else None
    return Board(x, near, ~labelled, labelled, counts, tuple("abcdefgh"[: counts.shape[1]]), found, **more)


def test_the_number_of_clusters_is_found():
    for n_groups in (3, 7):
        x, truth = blobs(n_groups)
        found = clusters(x)
        assert len(found.centres) == n_groups
        inside = found.label >= 0
        assert all(len(set(truth[inside & (found.label == k)].tolist())) == 1 for k in range(n_groups))
        assert inside.mean() > 0.95


def test_communities_do_not_depend_on_the_order_of_the_nodes():
    x, truth = blobs(5)
    order = np.random.default_rng(1).permutation(len(x))
    for rows in (np.arange(len(x)), order):
        found = communities(neighbours(x[rows]).graph)
        assert len({(a, b) for a, b in zip(found.tolist(), truth[rows].tolist(), strict=True)}) == found.max() + 1


@pytest.mark.parametrize("n", [0, 1, 2, 5, 9])
def test_a_handful_of_vectors_is_one_cluster_or_few(n):
    x, _ = blobs(1, max(n, 1))
    found = clusters(x[:n])
    assert len(found.label) == n
    assert len(found.centres) <= 2
    assert neighbours(x[:n]).index.shape == (n, max(min(10, n - 1), 0))


def test_labels_spread_to_their_neighbours_and_nowhere_else():
    x, truth = blobs(3)
    labels = np.zeros((len(x), 3), np.float32)
    labels[[0, 60, 120], [0, 1, 2]] = 1
    assert (spread(neighbours(x), labels).argmax(1) == truth).mean() > 0.98


def test_an_erring_expert_is_doubted_where_others_contradict_and_a_careful_one_is_not():
    x, truth = blobs(4, 100)
    near, rows = neighbours(x), np.arange(0, 400, 2)
    for n_wrong in (0, 20):
        said = truth.copy()
        erred = rows[::10][:n_wrong]
        said[erred] = (truth[erred] + 1) % 4
        counts = np.zeros((400, 4), np.float32)
        counts[rows, said[rows]] = 1
        found = fit_pool(fit_head, x, near, counts)
        doubted = set(np.flatnonzero(found.wrong > 0.5).tolist())
        assert doubted <= set(erred.tolist())
        assert len(doubted) >= 0.9 * n_wrong
        head = fit_with_pool(fit_head, x, found)
        assert (head.logits(x).argmax(1) == truth).mean() == 1


def test_what_was_said_twice_is_believed_more():
    prior = np.array([[0.9, 0.05, 0.05]] * 60)
    counts = np.eye(3)[[0] * 50 + [1] * 10]
    once, rate = settled(counts, prior)
    twice, _ = settled(np.concatenate([counts[:59], counts[59:] * 2]), prior)
    assert 0 < rate < 0.3
    assert twice[-1, 1] > once[-1, 1]


def test_a_first_batch_is_typical_and_of_every_group():
    x, truth = blobs(6, 40)
    chosen = choose(board(x, truth, np.zeros(0, int)), 6)
    assert {truth[c.row] for c in chosen} == set(range(6))
    assert all(c.why is Why.TYPICAL and c.suggestion == -1 for c in chosen)


def test_each_kind_of_reason_is_given_where_there_is_one():
    x, truth = blobs(4, 100)
    x = np.concatenate([x, -x[:3]])  # three that are unlike anything
    truth = np.concatenate([truth, [3, 3, 3]])
    rows = np.arange(0, 400, 2)
    votes = np.zeros((len(x), 4), np.float32)
    votes[301, [1, 3]] = 1
    wrong = truth.copy()
    erred = rows[::10]
    wrong[erred] = (truth[erred] + 1) % 3
    now = board(x, wrong, rows, votes=votes)
    chosen = choose(now, 60, measure=0.1)
    assert len({c.row for c in chosen}) == len(chosen) == 60
    why = {c.why for c in chosen}
    assert {Why.RANDOM, Why.UNSURE, Why.NEW, Why.DISAGREEMENT, Why.SUSPECT} <= why
    assert all(now.free[c.row] for c in chosen if c.why is not Why.SUSPECT)
    assert all(c.row in erred for c in chosen if c.why is Why.SUSPECT)
    assert next(c for c in chosen if c.why is Why.DISAGREEMENT).row == 301
    assert all(c.reason.endswith((".", ")")) for c in chosen)
    again = choose(board(x, wrong, rows, votes=votes, settled=np.ones(len(x), bool)), 60)
    assert not any(c.why is Why.SUSPECT for c in again)


@pytest.mark.parametrize("n", [1, 3, 500])
def test_no_more_is_chosen_than_is_free(n):
    x, truth = blobs(3, 30)
    chosen = choose(board(x, truth, np.arange(0, 80)), n)
    assert len(chosen) == min(n, 10)
    assert {c.row for c in chosen} <= set(range(80, 90))
    assert choose(board(x, truth, np.arange(90)), n) == []


def test_a_forecast_needs_labels_and_then_says_when_to_stop():
    x, truth = blobs(4, 200)
    y = np.eye(4, dtype=bool)[truth]
    assert forecast(x[:30], y[:30]).advice == TOO_EARLY
    order = np.random.default_rng(0).permutation(800)
    ahead = forecast(x[order], y[order], np.ones(800, bool))
    assert ahead.advice == "stop"
    assert ahead.curve is not None
    assert not ahead.caution
    assert forecast(x[order], y[order]).caution


@pytest.fixture
def desk(tmp_path):
    with connect(tmp_path / "desk") as ws:
        ws.ingest(write_messages(tmp_path / "messages.csv", n_per_class=20), text="message")
        yield ws


def test_groups_are_found_named_changed_and_changed_back(desk):
    found = desk.discover()
    assert found.n_records == 60
    assert len(found.clusters) >= 2
    ids = [r for c in found.clusters for r in (*c.record_ids, *c.twins)]
    assert len(set(ids)) == len(ids)
    assert all(c.name and c.terms for c in found.clusters)
    first, second = found.clusters[:2]
    merged = desk.merge_clusters(found.discovery_id, [first.cluster_id, second.cluster_id], "  both \n of them ")
    assert merged.clusters[0].name == "both of them"
    assert merged.clusters[0].n_records == first.n_records + second.n_records
    parts = desk.split_cluster(found.discovery_id, merged.clusters[0].cluster_id)
    assert sum(c.n_records for c in parts.clusters) == sum(c.n_records for c in found.clusters)
    desk.rename_cluster(found.discovery_id, parts.clusters[0].cluster_id, "other")
    for _ in range(3):
        back = desk.undo_clusters(found.discovery_id)
    assert set(back.clusters) == set(found.clusters)
    left = {e.action for e in desk.audit(resource=f"discovery:{found.discovery_id}")}
    assert left == {
        "label.discover",
        "label.cluster_merge",
        "label.cluster_split",
        "label.cluster_rename",
        "label.cluster_undo",
    }
    with pytest.raises(InputError, match="nothing to take back"):
        desk.undo_clusters(found.discovery_id)
    for wrong in ([first.cluster_id], [first.cluster_id] * 2, ["clu_none", first.cluster_id]):
        with pytest.raises((InputError, NotFoundError)):
            desk.merge_clusters(found.discovery_id, wrong)
    with pytest.raises(NotFoundError):
        desk.merge_clusters("disc_none", [first.cluster_id, second.cluster_id])


def test_a_checked_group_becomes_a_class_and_its_votes_can_be_taken_back(desk):
    found = desk.discover()
    one = found.clusters[0]
    sample = list(desk.cluster_sample(found.discovery_id, one.cluster_id))
    assert sample == sample_of(one)
    with pytest.raises(InputError, match="not in the sample"):
        desk.class_of_cluster(found.discovery_id, one.cluster_id, "topic", "first", ["rec_other"])
    assert desk.store.tasks.names() == []  # a refusal leaves nothing behind
    done = desk.class_of_cluster(found.discovery_id, one.cluster_id, "topic", "first", sample[:1])
    assert done.n_votes == one.n_records - 1
    assert done.cluster.check.n_right == len(sample) - 1
    said = desk.sql("select record_id, gold from labels").rows()
    assert {row["record_id"] for row in said if row["gold"]} == set(sample[1:])
    assert sample[0] not in {row["record_id"] for row in said}
    assert {row["record_id"] for row in said} == {*one.record_ids, *one.twins} - {sample[0]}
    with pytest.raises(ConflictError, match="is a class already"):
        desk.class_of_cluster(found.discovery_id, one.cluster_id, "topic", "again")
    rest = desk.discover(task="topic", uncovered=True)
    assert rest.n_records == 60 - len(said)
    desk.take_back_class(found.discovery_id, one.cluster_id)
    assert len(desk.sql("select * from labels").rows()) == len(sample) - 1
    left = {e.action for e in desk.audit()}
    assert {"label.cluster_class", "label.cluster_take_back", "label.vote", "label.define_task"} <= left


def test_a_group_of_which_too_few_belong_gets_no_votes(desk):
    found = desk.discover()
    one = found.clusters[0]
    sample = list(desk.cluster_sample(found.discovery_id, one.cluster_id))
    done = desk.class_of_cluster(found.discovery_id, one.cluster_id, "topic", "few", sample[:-2])
    assert done.n_votes == 0
    assert "too few" in done.sentence
    assert len(desk.sql("select * from labels").rows()) == 2


def test_from_nothing_to_a_model(desk):
    found = desk.discover()
    for one in found.clusters:
        desk.class_of_cluster(found.discovery_id, one.cluster_id, "topic", one.name)
    task = desk.task("topic")
    snapshot = task.snapshot()
    assert snapshot.n_by_split["train"] > 20
    chosen = desk.suggest("topic", 5)
    assert chosen
    assert all(c.suggestion in task.classes for c in chosen)
    desk.vote(chosen[0].record_id, "topic", chosen[0].suggestion)
    assert chosen[0].record_id not in [c.record_id for c in desk.suggest("topic", 50)]


def test_a_plan_is_made_anew_in_the_background_while_the_old_one_answers(desk):
    desk.task("topic", classes=["card", "refund", "login"])
    task = desk.store.tasks.find("topic")
    before = desk.learner if desk.suggest("topic", 1) else None
    assert before is desk.acting_as(desk.store.actor).learner
    for choice in desk.suggest("topic", 12):
        text = desk.store.records.texts([choice.record_id])[choice.record_id]
        desk.vote(choice.record_id, "topic", next(c for c in task.class_names if c in text))
    given = {r for r, _ in desk.store.person_votes.standing(task.task_id)}
    at_once = desk.learner(desk.store, task, 30)
    assert not given & {r for r, *_ in at_once}
    desk.learner.wait()
    later = desk.learner(desk.store, task, 30)
    assert later
    assert {name for _, _, name, _ in later} <= set(task.class_names)


def test_forgetting_reaches_groups_and_their_words(desk):
    found = desk.discover()
    one = found.clusters[0]
    gone = one.record_ids[0]
    desk.rename_cluster(found.discovery_id, found.clusters[1].cluster_id, "kept")
    desk.forget(record=gone)
    kept = desk.store.discoveries.get(found.discovery_id)
    now = cluster_of(kept, one.cluster_id)
    assert gone not in now.record_ids
    assert now.terms == ()
    stored = desk.store.db.all(sa.select(tables.settings.c.value))
    assert stored
    assert not any(gone in row["value"] for row in stored)


def test_too_little_to_group_is_said(tmp_path):
    with connect(tmp_path / "desk") as ws:
        with pytest.raises(EmptyDataError):
            ws.discover()
        path = tmp_path / "few.jsonl"
        path.write_text("\n".join(json.dumps({"text": f"text {i}"}) for i in range(3)))
        ws.ingest(path, text="text")
        with pytest.raises(EmptyDataError, match="it takes 10"):
            ws.discover()
        with pytest.raises(InputError, match="no source"):
            ws.discover("nowhere.csv")


def test_only_the_newest_lists_are_kept(desk):
    first = desk.discover()
    for seed in range(20):
        desk.discover(seed=seed)
    assert len(desk.store.discoveries.list()) == 20
    with pytest.raises(NotFoundError):
        desk.store.discoveries.get(first.discovery_id)


def test_a_group_may_be_called_as_a_class_once_was(desk):
    found = desk.discover()
    first, second = found.clusters[:2]
    task = desk.class_of_cluster(found.discovery_id, first.cluster_id, "topic", "card").task
    desk.rename_class("topic", "card", "lost card")
    done = desk.class_of_cluster(found.discovery_id, second.cluster_id, task, "card")
    assert done.cluster.name == "lost card"
    assert done.task.class_names == ("lost card",)
    assert done.n_votes == second.n_records
    desk.split_class("topic", "lost card", ["never came", "stolen"])
    again = desk.discover()
    with pytest.raises(InputError, match="was split"):
        desk.class_of_cluster(again.discovery_id, again.clusters[0].cluster_id, task, "lost card")


def test_forgetting_reaches_what_is_told_of_changes(desk):
    found = desk.discover()
    changed = desk.rename_cluster(found.discovery_id, found.clusters[0].cluster_id, "parrots")
    one = next(c for c in changed.clusters if c.name == "parrots")
    desk.forget(record=one.record_ids[0])
    assert not any("parrots" in row["value"] for row in desk.store.db.all(sa.select(tables.settings.c.value)))
    assert len(desk.undo_clusters(found.discovery_id).clusters) == len(found.clusters)


def test_what_is_chosen_from_follows_the_records(tmp_path):
    path = tmp_path / "messages.csv"
    rows = [f"{i},the card number {i} never came" for i in range(12)]
    with connect(tmp_path / "desk") as ws:

        def import_rows():
            path.write_text("\n".join(["id,message", *rows]))
            ws.ingest(path, text="message", id="id")

        import_rows()
        ws.task("topic", classes=["card", "refund"])
        task = ws.store.tasks.find("topic")
        assert len(ws.suggest("topic", 50)) == 12
        rows[3] = "3,please give my money back"
        import_rows()  # as many records as before
        ws.suggest("topic")
        pool, _ = ws.learner.evidence(ws.store, task)
        texts = ws.store.records.texts(pool.record_ids.to_pylist())
        where = next(i for i, r in enumerate(pool.record_ids.to_pylist()) if "money" in texts[r])
        assert pool.vectors[where] == pytest.approx(ws.encoder.encode(["please give my money back"])[0], abs=1e-6)
        rows.append("12,where is my refund")
        import_rows()
        assert len(ws.suggest("topic", 50)) == 13
        ws.store.records.retire(pool.record_ids[:2])
        assert not {c.record_id for c in ws.suggest("topic", 50)} & set(pool.record_ids[:2].to_pylist())


def test_labels_on_records_that_were_not_drawn_are_learnt_from_too(desk, monkeypatch):
    monkeypatch.setattr(evidence, "MOST_RECORDS", 20)
    desk.task("topic", classes=["card", "refund", "login"])
    task = desk.store.tasks.find("topic")
    desk.suggest("topic", 1)
    drawn, _ = desk.learner.evidence(desk.store, task)
    assert len(drawn.record_ids) == 20
    others = set(desk.store.records.scan(["record_id"])["record_id"].to_pylist()) - set(drawn.record_ids.to_pylist())
    for record_id in sorted(others)[:15]:
        desk.vote(record_id, "topic", "card")
    assert desk.forecast("topic").n_labelled == 15


def test_a_machines_vote_for_a_class_that_was_merged_counts_for_what_it_became(desk):
    desk.task("topic", classes=["card", "lost card", "refund"])
    task = desk.store.tasks.find("topic")
    record_id = desk.store.records.scan(["record_id"])["record_id"][0].as_py()
    source = desk.store.tasks.label_source(desk.store.actor, task, LabelSourceKind.RULE, "lost")
    value = json.dumps({"class": task.voted_id("lost card")}, separators=(",", ":"))
    desk.store.votes.replace(source, vote_table(task, source, [record_id], [value]))
    task = desk.store.tasks.merge_classes(desk.store.actor, task.task_id, ["lost card"], "card")
    desk.embed()
    pool, known = desk.learner.evidence(desk.store, task)
    row = pool.record_ids.to_pylist().index(record_id)
    assert known.votes[row].tolist() == [float(name == "card") for name in task.class_names]
    assert known.known[row]
    assert not known.labelled[row]


def test_what_was_labelled_in_bulk_is_not_asked_for_again(desk):
    desk.task("topic", classes=["card", "refund", "login"])
    wanted = Filter(words="money")
    sample = desk.bulk_sample("topic", wanted, n=2)
    desk.bulk_label("topic", "refund", wanted, Checked(right=tuple(r.record_id for r in sample.records)))
    asked = [c.record_id for c in desk.suggest("topic", 60)]
    assert asked
    assert not any("money" in text for text in desk.store.records.texts(asked).values())
    assert desk.forecast("topic").n_labelled == sample.n


def test_a_doubted_label_is_confirmed_by_an_answer_alone(desk):
    task = desk.task("topic", classes=["card", "refund"]).noun
    store, reason = desk.store, "Labelled “card”, yet without this label everything points to “refund”."
    record_id = store.records.scan(["record_id"])["record_id"][0].as_py()
    for act in (None, "skip"):
        store.assignments.hand_out(store.actor, task.task_id, [Choice(record_id, reason)], 1)
        assert store.assignments.given(task.task_id) == {record_id}
        if act is None:
            store.assignments.release(store.actor, task.task_id)
        else:
            desk.submit("topic", [Submission("c-skip", act, record_id)])
        assert store.assignments.given(task.task_id) == set()
        assert store.assignments.because(task.task_id, "Labelled “", answered=True) == []
    desk.suggest("topic", 1)
    other = store.records.scan(["record_id"])["record_id"][1].as_py()
    store.assignments.hand_out(store.actor, task.task_id, [Choice(other, reason)], 1)
    desk.submit("topic", [Submission("c-vote", "vote", other, {"classes": [task.class_ids[0]]})])
    assert store.assignments.because(task.task_id, "Labelled “", answered=True) == [other]
    assert store.assignments.because(task.task_id, "Drawn") == []


def test_closing_waits_for_the_plans_of_every_task(desk):
    tasks = [desk.task(name, classes=["card", "refund"]).noun for name in ("slow", "quick")]
    desk.embed()

    def read(store, task, record_ids):
        if task.name == "slow":
            time.sleep(0.5)
        return read_labels(store, task, record_ids)

    learner = NextRecords(desk._vectors, fit_head, read)
    assert [learner.ready(desk.store, task) for task in tasks] == [None, None]
    learner.wait()
    assert all(learner.ready(desk.store, task) for task in tasks)
