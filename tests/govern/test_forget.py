"""Forgetting: afterwards no byte of it is left anywhere in the workspace."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lance
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from homegrown.core.access import Actor, Role
from homegrown.core.ids import new_id, text_hash, timestamp
from homegrown.core.models import Recipe
from homegrown.core.progress import Silent
from homegrown.core.records import ReadOptions
from homegrown.core.tasks import LabelSourceKind
from homegrown.errors import ForbiddenError, InputError, NotFoundError, WorkspaceBusyError
from homegrown.govern.access import Access
from homegrown.ingest import IngestRequest, import_file
from homegrown.store import Store, tables
from homegrown.store.captured import Begun, Ended
from homegrown.store.spool import Spool
from homegrown.store.votes import vote_table
from homegrown.workspace import connect
from tests.govern.verbs import CHANGES, READS, label_by_hand, traffic_becomes_a_task

CANARY = "xylophonecanary"
EMAIL = "anna.quetzal@example.org"
TEXT = f"my name is {CANARY} and my card is lost so please help me at once"
OLD = f"an older wish of {CANARY} that was corrected later on"


def rows(text):
    lines = ["id,body,intent,email"]
    lines += [f"{i},where is my card number {i},card,p{i}@example.org" for i in range(20)]
    lines += [f"{i},i want my money back order {i},refund,p{i}@example.org" for i in range(20, 40)]
    return "\n".join([*lines, f"99,{text},card,{EMAIL}"]) + "\n"


def fill(root):
    """A workspace in which the canary has reached every place that there is."""
    path = root / "in.csv"
    ws = connect(root / "work")
    for text in (OLD, TEXT):
        path.write_text(rows(text))
        ws.ingest(path, text="body", label="intent", id="id", name="desk")
    other = root / "other.csv"
    other.write_text("body\na text of another source\n")
    ws.ingest(other, text="body")
    ws.embed()
    ws.build_indexes()
    task = ws.task_from_column("intent", "intent")
    snapshot = ws.snapshot(task)
    version = ws.train(snapshot, Recipe("linear", {}, 0), "intent")
    ws.evaluate(version)
    endpoint = ws.deploy(version, "intent", keep_text=True)
    assert len(ws.sql(f"select predict('intent', text) from records where search('{CANARY}')")) == 1
    store = ws.store
    record_id = ws.sql(f"select record_id from records where fields->>'email' = '{EMAIL}'").rows()[0]["record_id"]
    add_told(ws)
    add_sql_rows(store, task, endpoint, record_id)
    add_calls(store)
    for folder in ("reports", "exports", "cache", "tmp", "backups"):
        (store.layout.folder(folder) / "made.txt").write_text(TEXT)
    (store.run_folder("run_left") / "checkpoint.json").write_text(TEXT)
    with store.db.write() as connection:
        connection.execute(
            sa.insert(tables.runs).values(
                run_id="run_left", task_id=task.task_id, snapshot_id=snapshot.snapshot_id, recipe="{}", seed=0,
                status="running", details="{}", error=f"could not read {EMAIL}", started_at=timestamp(),
            )
        )  # fmt: skip
    return ws, record_id, version


def add_sql_rows(store, task, endpoint, record_id):
    with store.db.write() as connection:
        source_id = connection.execute(sa.select(tables.label_sources.c.label_source_id)).scalar()
        connection.execute(
            sa.insert(tables.votes).values(
                vote_id=new_id("vote"), task_id=task.task_id, record_id=record_id, label_source_id=source_id,
                actor_id="actor_terminal", value='{"class":"x"}', rationale=f"{CANARY} says so", created_at=timestamp(),
            )
        )  # fmt: skip
        for text in (TEXT, f"write to {EMAIL} now"):
            trace_id = new_id("trace")
            connection.execute(
                sa.insert(tables.traces).values(
                    trace_id=trace_id, endpoint_id=endpoint.endpoint_id, actor_id="actor_terminal", route="predict",
                    status=200, input_hash=text_hash(text), text=text, answer="{}", latency_s=0.1,
                    created_at=timestamp(),
                )
            )  # fmt: skip
            connection.execute(
                sa.insert(tables.feedback).values(
                    feedback_id=new_id("fb"), trace_id=trace_id, actor_id="actor_terminal",
                    value=f'{{"text":"{TEXT}"}}', created_at=timestamp(),
                )
            )  # fmt: skip
        connection.execute(
            sa.insert(tables.jobs).values(
                job_id=new_id("job"), project_id="project_default", verb="predict", status="succeeded",
                arguments=f'{{"texts":["{TEXT}"],"n":1}}', actor_id="actor_terminal", created_at=timestamp(),
            )
        )  # fmt: skip
        add_label_rows(connection, task, record_id)


def add_told(ws):
    """A model's votes on every record, each with how probable it held the classes, and a snapshot that learnt them."""
    store = ws.store
    ws.task("told", classes=["card", "refund"])
    task = store.tasks.find("told")
    ids = store.records.scan(["record_id"])["record_id"].to_pylist()
    one, other = task.class_ids
    source_id = store.tasks.label_source(store.actor, task, LabelSourceKind.MODEL, "m (traffic)", {})
    votes = [json.dumps({"class": (one, other)[i % 2]}) for i in range(len(ids))]
    probs = [json.dumps({(one, other)[i % 2]: 0.75, (other, one)[i % 2]: 0.25}) for i in range(len(ids))]
    store.votes.replace(source_id, vote_table(task, source_id, ids, votes, probs=probs))
    ws.snapshot(task, test_share=0.05)


def add_calls(store):
    """Calls of a model API: the text inside a prompt, the address in an answer, one noted by a killed gateway, one of others."""
    fixed = {"route_id": None, "wire": "chat", "model": "m", "actor_id": "actor_terminal", "upstream_id": None,
             "is_stream": 0, "tags": "{}", "created_at": timestamp()}  # fmt: skip
    said = (f'Classify this: "{TEXT}"', "where is my card number 3", "hello")
    bodies = [json.dumps({"messages": [{"role": "user", "content": s}]}) for s in said]
    rows = [Begun(trace_id=f"call_{i}", request=b, **fixed) for i, b in enumerate(bodies)]
    ended = Ended("call_1", "whole", 200, None, json.dumps({"choices": [{"message": {"content": f"ask {EMAIL}"}}]}),
                  1, 1, None, 0.1, 0.1, "{}", None, timestamp())  # fmt: skip
    store.captured.write(rows, [ended])
    spool = Spool(store.layout.folder("locks"))
    with spool.turn:
        spool.add(replace(rows[0], trace_id="call_noted"))
    with store.db.write() as connection:
        for trace_id in ("call_0", "call_2"):
            connection.execute(
                sa.insert(tables.shadow_answers).values(
                    trace_id=trace_id, version_id="v", answer="card", prob=0.5, created_at=timestamp()
                )
            )


def add_label_rows(connection, task, record_id):
    """What labelling keeps of a record: its assignment, a comment, an issue, and what a teacher answered."""
    common = {"task_id": task.task_id, "record_id": record_id, "created_at": timestamp()}
    me = {"actor_id": "actor_terminal"}
    put = [
        (tables.assignments, {"assignment_id": "a1", "reason": f"like {CANARY}", "expires_at": "z", **common, **me}),
        (tables.comments, {"comment_id": "c1", "kind": "question", "text": f"is {CANARY} a card?", **common, **me}),
        (tables.issues, {"issue_id": "i1", "kind": "pii", "score": 1, "state": "open", "details": EMAIL, **common}),
        (tables.issues, {"issue_id": "i2", "kind": "twin", "score": 1, "state": "open", "details": TEXT, **common}
         | {"record_id": "another", "other_id": record_id}),
        (tables.derivations, {"record_id": "m", "from_record_id": record_id, "kind": "mask", "created_at": "z"}),
        (tables.upstreams, {"upstream_id": "u", "project_id": "project_default", "name": "u", "base_url": "http://u",
                            "config": '{"model":"m"}', "created_at": "z"}),
        (tables.upstream_answers, {"digest": "d1", "upstream_id": "u", "text_hash": text_hash(TEXT), "answer": "card",
                                   "n_tokens_in": 1, "n_tokens_out": 1, "created_at": "z"}),
        (tables.upstream_answers, {"digest": "d2", "upstream_id": "u", "text_hash": "other", "answer": f"x {EMAIL}",
                                   "n_tokens_in": 1, "n_tokens_out": 1, "created_at": "z"}),
    ]  # fmt: skip
    for table, row in put:
        connection.execute(sa.insert(table).values(**row))


def found_in(root, *needles):
    """Places in which a needle stands: bytes of files, and every version of every table read back."""
    hits = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            hits += [str(path.relative_to(root)) for n in needles if n.encode() in content]
    for path in root.rglob("*.lance"):
        if path.is_dir() and (path / "_versions").is_dir():
            for version in lance.dataset(str(path)).versions():
                content = str(lance.dataset(str(path), version=version["version"]).to_table().to_pylist())
                hits += [f"{path.name}@{version['version']}" for n in needles if n in content]
    for path in root.rglob("*.parquet"):
        hits += [path.name for n in needles if n in str(pq.read_table(path).to_pylist())]
    return hits


@pytest.fixture(scope="module")
def forgotten(tmp_path_factory):
    root = tmp_path_factory.mktemp("forget")
    ws, record_id, version = fill(root)
    before = found_in(root / "work", CANARY, EMAIL)
    done = ws.forget(field="email", value=EMAIL)
    yield ws, root, record_id, version, before, done
    ws.close()


def test_the_canary_was_everywhere_and_is_nowhere(forgotten):
    _, root, _, _, before, _ = forgotten
    for place in ("records.lance", "record_versions.lance", "homegrown.db", "reports", "exports", "cache", "tmp",
                  "backups", "runs"):  # fmt: skip
        assert any(place in hit for hit in before), place
    assert found_in(root / "work", CANARY, EMAIL) == []


def test_what_labelling_kept_of_a_record_goes_with_it(forgotten):
    ws, *_ = forgotten
    with ws.store.db.read() as connection:
        left = {
            name: connection.execute(sa.select(sa.func.count()).select_from(tables.ALL[name])).scalar()
            for name in ("assignments", "comments", "issues", "derivations", "upstream_answers")
        }
    assert left == {"assignments": 0, "comments": 0, "issues": 0, "derivations": 0, "upstream_answers": 1}


def test_what_a_model_told_of_a_record_goes_with_it(forgotten):
    ws, _, record_id, *_ = forgotten
    told = [r for r in ws.store.votes.table.scan().to_pylist() if r["probs"]]
    assert told
    assert record_id not in {r["record_id"] for r in told}
    (found,) = ws.sql(f"select snapshot_id from snapshots where task_id = '{told[0]['task_id']}'").rows()
    kept = {r["record_id"]: r["told"] for r in ws.store.snapshots.read(found["snapshot_id"]).to_pylist()}
    assert kept[record_id] is None
    assert sum(t is not None for t in kept.values()) > 30


def test_what_was_touched_is_named_and_what_was_not_is_kept(forgotten):
    ws, _, record_id, version, _, done = forgotten
    assert (done.n_records, done.n_votes, done.n_traces) == (1, 3, 5)
    assert version.snapshot_id in done.snapshots
    assert len(done.snapshots) == 2  # and the one that learnt what a model told
    assert done.models == [version.version_id]
    assert done.removed_models == []
    assert set(done.removed_files) >= {"reports/made.txt", "exports/made.txt", "backups/made.txt"}
    assert len(ws.sql("select * from records")) == 41
    assert len(ws.sql("select * from vectors")) == 41
    assert len(ws.sql("select * from votes where task = 'intent'")) == 40
    assert len(ws.sql("select * from records where search('money')")) == 20
    assert ws.sql("select * from records where search('money')").notes == ()
    assert not ws.sql(f"select * from all_records where record_id = '{record_id}'").rows()
    assert ws.predict("intent", ["where is my card"])[0]["label"] == "card"
    tombstone = ws.sql("select subject, n_records, touched->'record_ids'->>0 as first from tombstones").rows()
    assert tombstone == [
        {"subject": "records whose field 'email' held a value that is not kept", "n_records": 1, "first": record_id}
    ]
    event = ws.sql("select actor, resource from events where action = 'govern.forget'").rows()
    assert event == [{"actor": "terminal", "resource": f"tombstone:{done.tombstone_id}"}]
    with pytest.raises(NotFoundError, match="nothing to forget"):
        ws.forget(field="email", value=EMAIL)


def test_every_verb_that_changes_something_left_its_event(forgotten):
    ws, *_ = forgotten
    verbs = {name for name in dir(type(ws)) if not name.startswith("_")}
    unsorted = verbs - CHANGES.keys() - READS
    assert not unsorted, f"say in this test whether these change something: {unsorted}"
    ws.put_route("cheap", upstreams=[ws.upstream_at("http://127.0.0.1:9/v1", private=True).name])
    ws.remove_route("cheap")
    Access(ws.store.db).add_key(ws.store.actor, "a caller", Role.CALLER)
    ws.limit_key("a caller", per_minute=1)
    ws.set_offline(False)
    ws.save_selection("some", "select * from records")
    ws.delete_selection("some")
    ws.undo_vote(
        ws.vote(ws.sql("select record_id from records order by text").rows()[0]["record_id"], "intent", "card")
    )
    ws.add_class("intent", "new", "n")
    ws.describe_class("intent", "new", "m")
    ws.rename_class("intent", "new", "newer")
    ws.task("bill", fields={"sum": "money"}).rename_field("sum", "total")
    ws.split_class("intent", "newer", ["one", "two"])
    ws.merge_classes("intent", ["one", "two"], "both")
    ws.remove_class("intent", "both")
    ws.set_guidelines("intent", "Look.")
    ws.restore_task("intent", 1)
    label_by_hand(ws)
    rule = ws.add_rule("intent", {"name": "money", "says": ["card"], "when": [{"kind": "words", "any": ["money"]}]})
    ws.run_rules("intent")
    ws.remove_rule("intent", "money")
    ws.restore_rule("intent", rule)
    ws.add_upstream("teacher", "https://models.example.org/v1", model="m", price_in_usd=1, price_out_usd=2)
    ws.remove_upstream("teacher")
    price = ws.set_price("upstream", "teacher", price_in_usd=1, price_out_usd=2)
    ws.remove_price(str(price.price_id))
    traffic_becomes_a_task(ws)
    ws.retrain_every("intent", 86400)
    ws.retrain_every("intent", None)
    ws.teach("call +49 30 901820 please", "intent", "card")
    ws.find_issues(kinds=["personal"])
    ws.undo_decision(ws.decide(ws.issues(kind="personal")[0].issue_id, "mask").issue_id)
    entries = list(ws.audit())
    assert set().union(*CHANGES.values()) <= {e.action for e in entries}
    for entry in entries:
        assert entry.actor == "terminal"
        assert all(entry.resource.partition(":"))
        assert EMAIL not in str(entry)
        assert CANARY not in str(entry)


def test_calls_that_hold_it_are_forgotten_too(forgotten):
    ws, *_ = forgotten
    left = ws.calls(limit=1000)
    assert {c.trace_id for c in left} & {f"call_{x}" for x in ("0", "1", "2", "noted")} == {"call_2"}
    assert EMAIL not in str(left)
    assert CANARY not in str(left)
    left = ws.store.db.all(sa.select(tables.shadow_answers.c.trace_id))
    assert [r["trace_id"] for r in left] == ["call_2"]


def test_somebody_who_is_only_in_calls_is_forgotten(tmp_path):
    with connect(tmp_path / "ws") as ws:
        add_calls(ws.store)
        assert ws.forget(field="email", value=EMAIL).n_traces == 1
        assert EMAIL not in str(ws.calls())
        with pytest.raises(NotFoundError):
            ws.forget(field="email", value=EMAIL)


def test_a_text_that_a_person_taught_is_forgotten_too(forgotten):
    ws, root, *_ = forgotten
    secret = "the parrot of the canary knows the number 8841"
    taught = ws.teach(secret, "intent", "card")
    assert found_in(root / "work", secret)
    assert ws.forget(record=taught.record_id).n_records == 1
    assert found_in(root / "work", secret) == []
    assert not ws.sql(f"select * from votes where record_id = '{taught.record_id}'").rows()


def test_a_record_and_a_source_can_be_named(forgotten):
    ws, root, *_ = forgotten
    first = ws.sql("select record_id, text from records where text like '%order 20'").rows()[0]
    assert ws.forget(record=first["record_id"]).n_records == 1
    assert found_in(root / "work", first["text"]) == []
    assert ws.forget(source="other.csv").n_records == 1
    assert found_in(root / "work", "another source") == []
    with pytest.raises(NotFoundError, match=r"Sources here: desk"):
        ws.forget(source="nothing")


def test_bad_subjects_actors_and_company_are_refused(tmp_path):
    with connect(tmp_path / "w") as ws:
        for subject in ({}, {"field": "email"}, {"record": "a", "source": "b"}):
            with pytest.raises(InputError, match="Name one thing"):
                ws.forget(**subject)
        with Store(tmp_path / "w"), pytest.raises(WorkspaceBusyError, match="open in another process"):
            ws.forget(record="a")
        ws.store.actor = Actor("actor_x", "person", "x", Role.BUILDER)
        with pytest.raises(ForbiddenError):
            ws.forget(record="a")


# Without the workspace, whose import of the models' libraries would be most of the time.
FORGET = """
import sys
from homegrown.core.progress import Silent
from homegrown.govern.forget import Subject, forget
from homegrown.store import Store

with Store(sys.argv[1]) as store:
    print(forget(store, Subject(field="email", value=sys.argv[2]), progress=Silent()).n_records)
"""


SLOW = [pytest.param(step, marks=pytest.mark.slow) for step in ("journal", "lance", "vacuum")]


@pytest.mark.parametrize("step", ["sql", "table", *SLOW])
def test_a_killed_forgetting_goes_on(tmp_path, step):
    path = tmp_path / "in.csv"
    path.write_text(rows(TEXT))
    with Store(tmp_path / "work") as store:
        import_file(store, IngestRequest(path, "body", None, None, "desk", None, ReadOptions()), progress=Silent())
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    command = [sys.executable, "-c", FORGET, str(tmp_path / "work"), EMAIL]
    killed = subprocess.run(
        command, env=env | {"HG_FAILPOINT": f"forget.{step}:kill"}, capture_output=True, check=False
    )
    assert killed.returncode == -9, killed.stderr
    again = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert found_in(tmp_path / "work", CANARY, EMAIL) == []
    with Store(tmp_path / "work") as store:
        assert len(store.db.all(sa.select(tables.tombstones.c.tombstone_id))) == 1
        assert store.records.count() == 40
