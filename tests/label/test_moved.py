"""Votes for classes that were merged, split, renamed or removed: every reader of votes says the same of them."""

import csv

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from homegrown.core.access import Actor, Role
from homegrown.core.ids import now
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import LabelSourceKind
from homegrown.curate.labels import read_labels
from homegrown.errors import ConflictError, InputError
from homegrown.label import join_votes, vote_value
from homegrown.label.evidence import Pool, read_evidence
from homegrown.label.exchange import exported
from homegrown.label.people import disputed
from homegrown.label.suggest import bulk_votes
from homegrown.store import tables
from homegrown.store.events import read_events
from homegrown.store.lance_tables import LanceTable
from homegrown.store.votes import VOTES
from homegrown.studio import search
from homegrown.workspace import connect

ANNA, BEN = (Actor(f"actor_{n}", "person", n.title(), Role.OWNER) for n in ("anna", "ben"))
N = 40


@pytest.fixture
def ws(tmp_path):
    with (tmp_path / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[f"text {'xyz'[i % 3] * i} number {i}", "abc"[i % 3], "a;b" if i % 2 else "b;c"] for i in range(N)]
        csv.writer(file).writerows([["text", "topic", "tags"], *rows])
    with connect(tmp_path / "work") as ws:
        ws.ingest(tmp_path / "rows.csv", text="text", label="topic")
        with ws.store.db.write() as connection:
            for who in (ANNA, BEN):
                row = {"actor_id": who.actor_id, "kind": "person", "name": who.name, "created_at": "x"}
                connection.execute(tables.actors.insert().values(**row))
        yield ws


def found(ws, name="t"):
    return ws.store.tasks.find(name)


def of_topic(ws, topic):
    return sorted(r.record_id for r in ws.search_records(limit=100).records if r.fields["topic"] == topic)


def label_of(ws, record_ids, task):
    """Each record's probabilities by class name, and whether it is labelled and undecided."""
    labels = read_labels(ws.store, task, pa.array(record_ids), join_votes)
    probs = labels.dense(np.arange(len(record_ids)))
    said = [{n: round(float(p), 4) for n, p in zip(task.class_names, row, strict=True) if p} for row in probs]
    return said, labels


def rule_votes(ws, task, record_ids, class_ids):
    """Another source of votes, as a rule or a model would be."""
    source = ws.store.tasks.label_source(ws.store.actor, task, LabelSourceKind.RULE, "rule")

    rows = [
        {"task_id": task.task_id, "record_id": r, "label_source_id": source, "created_at": now()}
        | {"value": msgspec.json.encode({"class": c}).decode(), "confidence": None}
        for r, c in zip(record_ids, class_ids, strict=True)
    ]
    ws.store.votes.replace(source, pa.Table.from_pylist(rows, schema=VOTES))


def test_a_merge_moves_the_votes_of_columns_and_people_alike(ws):
    ws.import_labels("t", "topic")
    record = of_topic(ws, "a")[0]
    ws.vote(record, "t", "b")
    ws.store.tasks.merge_classes(ws.store.actor, found(ws).task_id, ["a", "b"], "ab")
    task = found(ws)
    assert task.class_names == ("ab", "c")
    said, _ = label_of(ws, [*of_topic(ws, "a"), *of_topic(ws, "b")], task)
    assert all(s == {"ab": 1.0} for s in said)
    counted = ws.sql("select class, count(*) as n from labels group by class order by class").rows()
    assert counted == [{"class": "ab", "n": 27}, {"class": "c", "n": 13}]
    assert ws.sql("select distinct class from votes where record_id = ?", [record]).rows() == [{"class": "ab"}]
    assert search.labels(ws, [record]) == {record: "ab"}
    assert [row["says"] for row in search.votes(ws, record)] == ["ab", "ab"]


def test_a_split_leaves_votes_shared_until_somebody_says_which(ws):
    ws.import_labels("t", "topic")
    actor, records = ws.store.actor, of_topic(ws, "a")
    task = ws.store.tasks.split_class(actor, found(ws).task_id, "a", ["a1", "a2"])
    said, labels = label_of(ws, records, task)
    assert all(s == {"a1": 0.5, "a2": 0.5} for s in said)
    assert labels.undecided.all()
    assert search.labels(ws, records[:1]) == {records[0]: "a1 or a2"}
    snapshot = ws.snapshot(task)
    assert snapshot.details["n_undecided"] == len(records)
    assert any("nobody has said of which part yet" in w for w in snapshot.details["warnings"])
    rows = {r["record_id"]: r for r in ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()}
    assert {rows[r]["split"] for r in records if r in rows} == {"train"}, "what is undecided judges nothing"

    ws.vote(records[0], "t", "a1")
    rule_votes(ws, task, records[1:3], [c.class_id for c in task.classes if c.name == "a2"] * 2)
    said, labels = label_of(ws, records, task)
    assert said[0] == {"a1": 1.0}
    assert all(s["a2"] > 0.95 for s in said[1:3])
    assert labels.undecided.sum() == len(records) - 3
    with pytest.raises(InputError, match=r"was split\. Say which of its parts: a1, a2"):
        ws.vote(records[4], "t", "a")


def test_what_was_undone_is_as_it_was_and_later_votes_count_for_the_whole(ws):
    ws.import_labels("t", "topic")
    actor, before = ws.store.actor, found(ws)
    records = of_topic(ws, "a")
    ws.store.tasks.split_class(actor, before.task_id, "a", ["a1", "a2"])
    ws.vote(records[0], "t", "a1")
    after = ws.store.tasks.restore(actor, before.task_id, before.version)
    assert (after.classes, after.version) == (before.classes, before.version + 2)
    said, labels = label_of(ws, records, after)
    assert all(s == {"a": 1.0} for s in said)
    assert not labels.undecided.any()
    assert [v.what for v in ws.store.tasks.history(before.task_id)] == [
        "label.restore_task", "label.split_class", "label.define_task",
    ]  # fmt: skip


def test_a_removed_class_leaves_records_unlabelled_until_it_is_undone(ws):
    task = ws.import_labels("t", "topic").task
    records = of_topic(ws, "a")
    gone = ws.store.tasks.remove_class(ws.store.actor, task.task_id, "a")
    said, labels = label_of(ws, records, gone)
    assert not any(said)
    assert not labels.labelled.any()
    assert search.names_of(gone, msgspec.json.encode({"class": task.class_ids[0]}).decode()) == "a class that is gone"
    back = ws.store.tasks.restore(ws.store.actor, task.task_id, task.version)
    assert all(s == {"a": 1.0} for s in label_of(ws, records, back)[0])


def test_several_classes_per_record(ws):
    task = ws.import_labels("t", "tags", separator=";").task
    odd = [r.record_id for r in ws.search_records(limit=100).records if r.fields["tags"] == "a;b"]
    merged = ws.store.tasks.merge_classes(ws.store.actor, task.task_id, ["a"], "b")
    assert all(s == {"b": 1.0} for s in label_of(ws, odd, merged)[0]), "named twice, it counts once"
    assert {r["n_votes"] for r in ws.sql("select n_votes from labels where class = 'b'").rows()} == {1.0}
    split = ws.store.tasks.split_class(ws.store.actor, task.task_id, "b", ["b1", "b2", "b3"])
    _, labels = label_of(ws, odd, split)
    assert not labels.labelled.any(), "a record of which a part is open waits, and is none's counterexample"
    assert labels.undecided.all()
    ws.vote(odd[0], "t", ["b2"])
    assert label_of(ws, odd[:1], split)[0] == [{"b2": 1.0}]
    removed = ws.store.tasks.remove_class(ws.store.actor, task.task_id, "b2")
    assert not label_of(ws, odd[:1], removed)[1].labelled[0], "a vote for what is gone is no vote for nothing"


@pytest.mark.parametrize("change", ["rename", "merge", "split"])
def test_the_same_import_again_keeps_what_people_changed(ws, change):
    task = ws.import_labels("t", "topic").task
    store, actor = ws.store.tasks, ws.store.actor
    if change == "rename":
        store.rename_class(actor, task.task_id, "a", "alpha")
    elif change == "merge":
        store.merge_classes(actor, task.task_id, ["a", "b"], "alpha")
    else:
        store.split_class(actor, task.task_id, "a", ["alpha", "aleph"])
    store.add_class(actor, task.task_id, "made by hand")
    before, said = found(ws), label_of(ws, of_topic(ws, "a"), found(ws))[0]
    again = ws.import_labels("t", "topic").task
    assert again == before
    assert label_of(ws, of_topic(ws, "a"), again)[0] == said
    assert ws.task("t", classes=["a", "b", "c"]).noun == before, "a notebook that is run again takes nothing back"


def test_spellings_merged_at_import_take_the_votes_of_people_along(ws, tmp_path):
    with (tmp_path / "more.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [["text", "kind"], *([f"other {i} {'q' * i}", ["Card", "card", "x"][i % 3]] for i in range(30))]
        )
    ws.ingest(tmp_path / "more.csv", text="text", label="kind")
    ws.import_labels("k", "kind")
    record = next(r.record_id for r in ws.search_records(limit=100).records if r.fields.get("kind") == "x")
    ws.vote(record, "k", "Card")
    merged = ws.import_labels("k", "kind", merge={"Card": "card"}).task
    assert merged.class_names == ("card", "x")
    assert label_of(ws, [record], merged)[0] == [{"card": 1.0}]
    assert ws.import_labels("k", "kind", merge={"Card": "card"}).task == merged


def test_each_change_is_one_version_and_one_event(ws):
    task = ws.import_labels("t", "topic").task
    store, actor = ws.store.tasks, ws.store.actor
    store.add_class(actor, task.task_id, "d", "what d is", ["an example"])
    store.describe_class(actor, task.task_id, "d", description="more exactly")
    assert store.describe_class(actor, task.task_id, "d", description="more exactly").version == 3
    store.set_guidelines(actor, task.task_id, "# How\r\n\r\nRead.", if_version=3)
    assert found(ws).guidelines == "# How\n\nRead."
    with pytest.raises(ConflictError, match="changed meanwhile"):
        store.set_guidelines(actor, task.task_id, "lost?", if_version=3)
    assert found(ws).one(found(ws).named("d")[0]).examples == ("an example",)
    assert ws.store.tasks.all() == [found(ws)]
    made = [e for e in read_events(ws.store.db) if e["resource"] == f"task:{task.task_id}"]
    assert [e["details"]["version"] for e in made] == [4, 3, 2, 1]
    assert [v.task.version for v in store.history(task.task_id)] == [4, 3, 2, 1]


@pytest.mark.parametrize("seed", range(4))
def test_readers_agree_with_a_slow_count_after_random_changes(ws, seed):
    """Two people and a column vote while classes change; labels and SQL say what counting by hand says."""
    rng = np.random.default_rng(seed)
    name = "t"
    ws.import_labels(name, "topic")
    records = sorted(r.record_id for r in ws.search_records(limit=100).records)
    store = ws.store.tasks
    for turn in range(12):
        task = found(ws, name)
        for who in [[], [ANNA], [BEN], [ANNA, BEN]][rng.integers(4)]:
            said = [*task.class_names, None][rng.integers(len(task.classes) + 1)]
            ws.acting_as(who).vote(records[rng.integers(N)], name, said)
        _change(rng, store, ws.store.actor, task, turn)
    task = found(ws, name)
    assert task.moved, "some class is no more"
    slow = _counted_by_hand(ws, task, records)
    assert sum(len(wanted) == 1 for wanted, _, _ in slow) > N / 4
    assert _differences(ws, task, records, slow) == []


def _differences(ws, task, records, slow):
    """Records of which the labels, or the SQL view of them, say something else than counting by hand."""
    said, labels = label_of(ws, records, task)
    assert len(slow) == len(said) == len(records)
    in_sql = {row["record_id"]: row["class"] for row in ws.sql("select record_id, class from labels").rows()}
    wrong = []
    for number, (record_id, (wanted, is_labelled, is_plain)) in enumerate(zip(records, slow, strict=True)):
        agrees = said[number] == pytest.approx(wanted, abs=2e-4) and bool(labels.labelled[number]) == is_labelled
        if not agrees or (is_plain and in_sql.get(record_id) != next(iter(wanted), None)):
            wrong.append((record_id, wanted, said[number], in_sql.get(record_id)))
    return wrong


def _change(rng, store, actor, task, turn):
    kind = ["add", "rename", "merge", "split", "split", "remove", "restore"][rng.integers(7)]
    one, other = (task.class_ids[i] for i in rng.choice(len(task.classes), 2, replace=False))
    if kind == "add":
        store.add_class(actor, task.task_id, f"new {turn}")
    elif kind == "rename":
        store.rename_class(actor, task.task_id, one, f"renamed {turn}")
    elif kind == "split":
        store.split_class(actor, task.task_id, one, [f"left {turn}", f"right {turn}"])
    elif kind == "restore":
        store.restore(actor, task.task_id, int(rng.integers(1, task.version + 1)))
    elif len(task.classes) > 2 and kind == "merge":
        store.merge_classes(actor, task.task_id, [one, other], f"merged {turn}")
    elif len(task.classes) > 2:
        store.remove_class(actor, task.task_id, one)


def _counted_by_hand(ws, task, records):
    """Each record's probabilities by class name, whether it is labelled, and whether it is of one class at most."""
    names = dict(zip(task.class_ids, task.class_names, strict=True))
    votes = {}
    for row in ws.store.votes.of_task(task.task_id).to_pylist():
        votes.setdefault(row["record_id"], []).append(msgspec.json.decode(row["value"])["class"])
    people = {}
    for record_id, value in ws.store.person_votes.standing(task.task_id):
        people.setdefault(record_id, []).append(msgspec.json.decode(value)["class"])
    found = []
    for record_id in records:
        heard = [m for v in (people.get(record_id) or votes[record_id]) if (m := _means(task, v))]
        sure = {m[0] for m in heard if len(m) == 1}
        weight = {}
        for means in heard:
            choices = [m for m in means if m in sure] or means if len(means) > 1 else means
            for one in choices:
                weight[one] = weight.get(one, 0) + 1 / len(choices)
        out = weight.pop(OUT_OF_SCOPE, 0) / len(heard) > 0.5 if heard else False
        total = sum(weight.values())
        wanted = {} if out or not total else {names[c]: round(w / total, 4) for c, w in weight.items()}
        found.append((wanted, bool(wanted) or out, len(wanted) < 2))
    return found


def _means(task, class_id):
    """By walking, not by asking the task."""
    if class_id == OUT_OF_SCOPE:
        return [OUT_OF_SCOPE]
    if class_id in task.class_ids:
        return [class_id]
    return sorted({m for one in task.moved.get(class_id, ()) for m in _means(task, one)})


def test_out_of_scope_outweighs_others_by_majority_in_sql_too(ws):
    ws.import_labels("t", "topic")
    task, records = found(ws), sorted(r.record_id for r in ws.search_records(limit=100).records)
    for who, record, said in [(ANNA, 0, "a"), (BEN, 0, None), (ws, 0, None), (ANNA, 1, "a"), (BEN, 1, None)]:
        (who if who is ws else ws.acting_as(who)).vote(records[record], "t", said)
    assert _differences(ws, task, records, _counted_by_hand(ws, task, records)) == []
    counted = ws.sql("select class, prob from labels where record_id in (?, ?)", records[:2]).rows()
    assert counted == [{"class": "a", "prob": 1.0}]


def test_a_vote_by_a_former_name_is_for_what_it_became(ws):
    task = ws.import_labels("t", "topic").task
    renamed = ws.store.tasks.rename_class(ws.store.actor, task.task_id, "a", "alpha")
    assert vote_value(renamed, "a") == vote_value(renamed, "alpha")


def test_votes_for_classes_that_moved_are_read_alike_by_the_station_the_team_and_exports(ws):
    task = ws.import_labels("t", "topic").task
    record, other = of_topic(ws, "a")[:2]
    rule_votes(ws, task, [record], [task.class_ids[0]])
    ws.acting_as(ANNA).vote(record, "t", "a")
    ws.acting_as(BEN).vote(record, "t", "b")
    assert disputed(ws.store, task) == [record]
    ws.merge_classes("t", ["a", "b"], "ab")
    ws.merge_classes("t", ["ab"], "c")
    task = found(ws)
    (only,) = task.class_ids
    assert disputed(ws.store, task) == [], "what they said means the same now"
    assert ws.conflicts("t").records == []
    assert ws.team("t").report.alpha.n == 1
    assert {vote.class_ids for vote in bulk_votes(ws.store, task, [record])[record]} == {(only,)}
    assert ws.acting_as(ANNA).my_votes("t")[0]["class_ids"] == [only]
    ours = next(e for e in exported(ws.store, task, {}) if e.record_id == record)
    assert {opinion.labels for opinion in ours.opinions} == {("c",)}

    split = ws.split_class("t", "c", ["c1", "c2"])
    assert {vote.class_ids for vote in bulk_votes(ws.store, split, [record])[record]} == {split.class_ids}
    assert ws.team("t").report.alpha.n == 0, "nobody has said which part yet"
    assert disputed(ws.store, split) == []
    for who, said in ((ANNA, "c1"), (BEN, "c2")):
        ws.acting_as(who).vote(other, "t", said)
    assert [w.record.record_id for w in ws.conflicts("t").records] == [other]
    removed = ws.remove_class("t", "c2")
    assert disputed(ws.store, removed) == []
    assert len(bulk_votes(ws.store, removed, [record])[record]) == 2


def test_counts_are_of_current_records_and_made_once_while_nothing_changes(ws, tmp_path, monkeypatch):
    ws.import_labels("t", "topic")
    split = ws.split_class("t", "a", ["a1", "a2"])
    assert (ws.task_counts(split).n_voted, ws.task_counts(split).n_undecided) == (N, len(of_topic(ws, "a")))
    with monkeypatch.context() as patch:
        patch.setattr(LanceTable, "scan", lambda *_: pytest.fail("the votes were read again"))
        assert ws.task_counts("t").n_records == N
    record = of_topic(ws, "a")[0]
    ws.vote(record, "t", "a1")
    assert ws.task_counts("t").n_undecided == len(of_topic(ws, "a")) - 1
    ws.undo_vote(ws.vote(record, "t", "a2"))
    assert ws.task_counts("t").n_undecided == len(of_topic(ws, "a")) - 1
    rows = (tmp_path / "rows.csv").read_text(encoding="utf-8").splitlines()[:11]
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    ws.ingest(tmp_path / "rows.csv", text="text", label="topic")
    counts = ws.task_counts("t")
    assert (counts.n_records, counts.n_voted) == (10, 10)
    assert counts.n_undecided == len([r for r in of_topic(ws, "a") if r != record])


def test_a_records_label_in_the_studio_is_of_sources_that_count(ws):
    task = ws.import_labels("t", "topic").task
    record = of_topic(ws, "a")[0]
    rule = {"name": "r", "says": ["b"], "when": [{"kind": "words", "any": ["text"]}]}
    ws.add_rule("t", rule)
    ws.run_rules("t")
    assert search.labels(ws, [record]) == {record: "a, b"}
    ws.remove_rule("t", "r")
    assert search.labels(ws, [record]) == {record: "a"}
    assert search.labels(ws, [record], task.task_id) == {record: "a"}
    assert search.labels(ws, [record], "task_other") == {}


def test_votes_for_merged_classes_are_evidence_and_agree_in_the_datasheet(ws):
    ws.import_labels("t", "topic")
    task, records = found(ws), of_topic(ws, "a")
    rule_votes(ws, task, records, [c.class_id for c in task.classes if c.name == "a"] * len(records))
    task = ws.store.tasks.merge_classes(ws.store.actor, task.task_id, ["a", "b"], "ab")
    ids = pa.array(records)
    seen = read_evidence(ws.store, task, Pool(ids, np.zeros((len(records), 2)), None, len(records)), read_labels)
    assert seen.votes.tolist() == [[1, 0]] * len(records)
    sources = ws.datasheet(ws.snapshot(task))["labels"]["sources"]
    assert {(s["kind"], s["agreement"]) for s in sources} == {("imported", 1.0), ("rule", 1.0)}
