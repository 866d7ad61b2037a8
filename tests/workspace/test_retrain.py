"""A challenger learns what people said since, and answers only if a paired test on frozen gold shows no loss."""

import csv
import json
from datetime import timedelta

import numpy as np
import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.assignments import Submission
from homegrown.core.ids import new_id, now
from homegrown.core.models import Recipe
from homegrown.errors import ConflictError, EmptyDataError, InputError, MissingColumnError
from homegrown.jobs import JobQueue, Schedules
from homegrown.metrics.noninferior import non_inferior
from homegrown.workspace import connect
from homegrown.workspace.verbs import run_verb
from tests.monitor.calls import ABOUT, bill, call, rng, topics

WORDS = {
    "card": ["card", "plastic", "chip", "contactless"],
    "refund": ["refund", "money", "return", "repaid"],
    "login": ["login", "password", "account", "locked"],
}
SYSTEM_SAYS = "Say what the customer wants: card, refund or login. Answer by the label alone."
N = 150
BILLS = "Read the bill. Answer with JSON: who, day, total, kind (bill or offer)."
LOOSE = 0.2


def rows(seed, n=N):
    rng = np.random.default_rng(seed)
    for i in range(n):
        topic = ["card", "refund", "login"][i % 3]
        some = rng.choice(WORDS[topic], 2, replace=False)
        rest = rng.integers(0, 9999, 3)
        yield f"{some[0]} {some[1]} w{rest[0]} w{rest[1]} w{rest[2]}", topic, ["app", "mail"][i % 2]


def write(path, found):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text", "topic", "channel"], *found])
    return path


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "work") as ws:
        ws.ingest(write(tmp_path / "rows.csv", rows(0)), text="text", label="topic")
        task = ws.import_labels("topic", "topic", sources=["rows.csv"]).task
        version = ws.train(ws.snapshot(task, test_share=0.4), Recipe("lexical"), "topic")
        ws.deploy(version, "topic")
        yield ws


def label_more(ws, tmp_path, said=lambda topic: topic, n=60):
    """New texts come in, and a person says what they are."""
    ws.ingest(write(tmp_path / "more.csv", rows(1, n)), text="text")
    for record in ws.search_records(limit=500).records:
        if record.source == "more.csv":
            ws.vote(record.record_id, "topic", said(record.fields["topic"]))


def live(ws):
    return ws.store.endpoints.get("topic").version_id


def split_of(ws, snapshot_id, *names):
    found = ws.store.snapshots.read(snapshot_id).to_pylist()
    return {r["text_hash"] for r in found if r["split"] in names}


def test_a_challenger_that_loses_nothing_answers_and_one_command_takes_it_back(ws, tmp_path):
    champion = ws.store.models.version("topic")
    label_more(ws, tmp_path)
    assert ws.n_new_votes("topic") == 60
    done = ws.retrain("topic", margin=LOOSE, slices=["channel"])
    assert (done["verdict"], done["promoted"], done["endpoints"]) == ("SWITCH", True, ["topic"]), done
    assert done["n_new"] == 60
    assert {(s["field"], s["value"]) for s in done["slices"]} == {("channel", "app"), ("channel", "mail")}
    new = ws.store.models.version("topic")
    assert (new.number, new.recipe, live(ws)) == (2, "lexical", new.version_id)
    assert ws.last_verdict("topic")["sentence"] == done["sentence"]
    assert ws.store.models.aliases()[new.version_id] == ["champion"]

    assert ws.roll_back("topic") == champion
    assert (ws.store.models.version("topic"), live(ws)) == (champion, champion.version_id)
    with pytest.raises(InputError, match="nothing to take back"):
        ws.roll_back("topic")


def test_what_tested_the_champion_never_trains_the_challenger(ws, tmp_path):
    champion = ws.store.models.version("topic")
    gold = split_of(ws, champion.snapshot_id, "test")
    label_more(ws, tmp_path)
    for record in ws.search_records(limit=500).records[:40]:
        ws.vote(record.record_id, "topic", record.fields["topic"])
    new = ws.store.models.version(ws.retrain("topic", margin=LOOSE)["version_id"])
    assert split_of(ws, new.snapshot_id, "test") == gold
    assert not split_of(ws, new.snapshot_id, "train", "valid", "unlabelled") & gold
    later = ws.snapshot(ws.store.tasks.find("topic"), test_of=new.snapshot_id)
    assert split_of(ws, later.snapshot_id, "test") == gold, "and so on, from snapshot to snapshot"


def test_poisoned_votes_make_no_champion(ws, tmp_path):
    before = live(ws)
    wrong = {"card": "refund", "refund": "login", "login": "card"}
    label_more(ws, tmp_path, lambda topic: wrong[topic], n=400)
    done = ws.retrain("topic", margin=LOOSE)
    assert done["verdict"] == "KEEP"
    assert "The challenger loses overall" in done["sentence"]
    assert (live(ws), ws.store.models.version("topic").number) == (before, 1)
    assert ws.store.models.aliases()[done["version_id"]] == ["challenger"]
    with pytest.raises(InputError, match="nothing to take back"):
        ws.roll_back("topic")


def test_a_small_gold_set_says_how_many_more_it_needs(ws, tmp_path):
    label_more(ws, tmp_path)
    done = ws.retrain("topic", margin=0.001)
    assert done["verdict"] == "NEED"
    assert done["n_more"] > 100
    assert done["sentence"].startswith(f"NEED {done['n_more']:,} MORE gold records")
    assert ws.store.models.version("topic").number == 1


def test_a_student_better_than_its_upstream_is_judged_by_people_where_they_spoke(tmp_path):
    with connect(tmp_path / "traffic") as ws:
        calls = topics(rng(), 400, [SYSTEM_SAYS])
        for c in calls:  # the upstream takes every lost card for a login
            if "card is lost" in c.request["messages"][-1]["content"]:
                c.response["choices"][0]["message"]["content"] = "login"
        ws.store.captured_imports.add(calls)
        task = ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="wish").task
        snapshot = ws.snapshot(task, test_share=0.4)
        ws.train(snapshot, Recipe("lexical"), "wish")
        rows = ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()
        texts = ws.store.records.texts([r["record_id"] for r in rows])
        lost = [r for r in rows if "card is lost" in texts[r["record_id"]]]
        for row in lost:
            if row["split"] != "test":
                ws.vote(row["record_id"], task, "card")

        asks = ws.retrain("wish", margin=0.02)
        assert (asks["verdict"], asks["against"], asks["promoted"]) == ("NEED", "upstream", False), asks
        assert "nobody has judged" in asks["sentence"]
        assert asks["overall"]["difference"] < 0  # by the upstream's word it is worse
        selection = next(s for s in ws.selections() if s.name == asks["selection"])
        chosen = {r["record_id"] for r in ws.sql(selection.sql).rows()}
        assert chosen == set(asks["to_judge"])
        assert chosen & {r["record_id"] for r in lost if r["split"] == "test"}

        for record_id in chosen:
            topic = next(t for t, some in ABOUT.items() if any(one in texts[record_id] for one in some))
            ws.vote(record_id, task, topic)
        done = ws.retrain("wish", margin=LOOSE)
        assert (done["verdict"], done["against"], done["to_judge"]) == ("SWITCH", "gold", []), done
        assert done["overall"]["difference"] > 0


@pytest.mark.slow
def test_fields_of_documents_are_judged_by_people_where_they_spoke(tmp_path):
    with connect(tmp_path / "documents") as ws:
        made = [bill(i) for i in range(160)]
        truth = {text: document for text, document in made}
        # The upstream takes every offer of two shops for a bill.
        wrong = [text for text, said in made if said["kind"] == "offer" and said["who"] in ("Old Dairy", "Café Rosa")]
        told = [(t, said | {"kind": "bill"} if t in wrong else said) for t, said in made]
        ws.store.captured_imports.add([call(i, BILLS, t, json.dumps(said)) for i, (t, said) in enumerate(told)])
        task = ws.accept_template(ws.find_tasks().proposals[0].template.template_id, name="bills").task
        snapshot = ws.snapshot(task, test_share=0.4)
        ws.train(snapshot, Recipe("fields", {"choices": "lexical"}, 0), "bills")
        rows = ws.store.snapshots.read(snapshot.snapshot_id).to_pylist()
        texts = ws.store.records.texts([r["record_id"] for r in rows])
        kind = next(f for f in task.fields if f.name == "kind")

        def say(record_id):
            (chosen,) = [c.class_id for c in kind.choices if c.name == truth[texts[record_id]]["kind"]]
            value = {"fields": {kind.field_id: {"choices": [chosen]}}}
            ws.submit(task, [Submission(new_id("v"), "vote", record_id, value)])

        for row in rows:
            if row["split"] != "test":
                say(row["record_id"])
        asks = ws.retrain("bills", margin=0.02)
        assert (asks["verdict"], asks["against"], asks["promoted"]) == ("NEED", "upstream", False), asks
        assert asks["overall"]["difference"] < 0  # by the upstream's word it is worse
        assert {texts[i] for i in asks["to_judge"]} & set(wrong)
        for record_id in asks["to_judge"]:
            say(record_id)
        done = ws.retrain("bills", margin=LOOSE)
        assert (done["verdict"], done["against"], done["to_judge"]) == ("SWITCH", "gold", []), done
        assert done["overall"]["difference"] > 0


def test_nothing_new_trains_nothing(ws):
    done = ws.retrain("topic")
    assert (done["verdict"], done["n_new"]) == ("KEEP", 0)
    assert "nobody has said anything new" in done["sentence"]
    assert len(ws.store.models.versions("topic")) == 1


def test_a_corrected_label_is_new_and_what_was_merged_is_not(ws):
    task = ws.store.tasks.find("topic")
    ws.merge_classes(task, ["card", "login"], "other")
    merged = ws.retrain("topic", margin=LOOSE)
    assert merged["n_new"] == 0
    champion = ws.store.models.version("topic")
    rows = ws.store.snapshots.read(champion.snapshot_id).to_pylist()
    ws.vote(next(r["record_id"] for r in rows if r["split"] == "train"), "topic", None)
    done = ws.retrain("topic", margin=LOOSE)
    assert done["n_new"] == 1
    assert done["verdict"] == "SWITCH", done
    assert ws.store.models.version("topic").class_names == ("other", "refund")


def test_after_a_split_the_whole_is_as_right_as_its_part(ws):
    ws.split_class("topic", "card", ["card lost", "card late"])
    for number, record in enumerate(ws.search_records(limit=500).records):
        if record.fields["topic"] == "card":
            ws.vote(record.record_id, "topic", ["card lost", "card late"][number % 2])
    done = ws.retrain("topic", margin=LOOSE)
    assert done["overall"]["old"] > 0.9, "the champion still says the whole, and that counts"
    assert done["verdict"] == "SWITCH", done
    assert "card late" in ws.store.models.version("topic").class_names


def test_a_killed_retraining_judges_the_challenger_that_it_made(ws, tmp_path, monkeypatch):
    label_more(ws, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(ws, "evaluate", lambda _: (_ for _ in ()).throw(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            ws.retrain("topic", margin=LOOSE)
    assert ws.store.models.version("topic").number == 1
    assert ws.retrain("topic", margin=LOOSE)["challenger"] == "topic@2"
    assert len(ws.store.models.versions("topic")) == 2


def test_a_champion_that_changed_meanwhile_is_not_overrun(ws, tmp_path):
    first = ws.store.models.version("topic")
    second = ws.train(ws.store.models.snapshot(first.snapshot_id), Recipe("lexical", seed=1), "topic")
    with pytest.raises(ConflictError, match="got another champion meanwhile"):
        ws.store.models.promote(ws.store.actor, first, first)
    assert ws.store.models.version("topic") == second


@pytest.mark.parametrize(
    ("how", "error", "says"),
    [
        ({"margin": 0}, InputError, "above 0 and below 1"),
        ({"margin": float("nan")}, InputError, "above 0 and below 1"),
        ({"slices": ["nope"]}, MissingColumnError, "no field 'nope'"),
    ],
)
def test_what_cannot_be_asked(ws, tmp_path, how, error, says):
    label_more(ws, tmp_path, n=9)
    with pytest.raises(error, match=says):
        ws.retrain("topic", **how)
    assert ws.store.models.version("topic").number == 1


def test_a_gold_snapshot_that_both_learnt_from_judges_nothing(ws, tmp_path):
    task = ws.store.tasks.find("topic")
    other = ws.snapshot(task, seed=5, test_share=0.1)
    label_more(ws, tmp_path, n=9)
    first = ws.store.models.version("topic")
    left = split_of(ws, other.snapshot_id, "test") - split_of(ws, first.snapshot_id, "train", "valid")
    try:
        assert ws.retrain("topic", gold=other.snapshot_id, margin=LOOSE)["overall"]["n"] == len(left)
    except EmptyDataError:
        assert not left


def test_it_repeats_by_itself_once_per_time_that_is_due(ws):
    schedules, queue, actor = Schedules(ws.store.db), JobQueue(ws.store.db), ws.store.actor
    found = schedules.set(actor, "retrain", "topic", 86400, {"name": "topic", "slices": ["channel"]})
    assert not schedules.is_due()
    assert schedules.submit_due(queue) == []
    late = now() + timedelta(days=9)
    assert schedules.is_due(late)
    first = schedules.submit_due(queue, late)
    assert len(first) == 1, "what was missed is made up for once"
    assert schedules.submit_due(queue, late) == []
    # A kill between the job and the next date: the same moment is due again, and makes no second job.
    with ws.store.db.write() as connection:
        connection.exec_driver_sql("UPDATE settings SET value = replace(value, ?, ?) WHERE name LIKE 'schedule:%'",
                                   (schedules.list()[0].next_at, found.next_at))  # fmt: skip
    assert schedules.submit_due(queue, late) == first
    job = queue.get(first[0])
    assert run_verb(ws, job.verb, job.arguments)["verdict"] == "KEEP"
    assert schedules.remove(actor, "retrain", "topic")
    assert not schedules.remove(actor, "retrain", "topic")
    for wrong in (1, 86400 * 400, float("nan")):
        with pytest.raises(InputError, match="at most once a minute"):
            schedules.set(actor, "retrain", "topic", wrong, {})


def test_from_a_terminal(ws, tmp_path):
    label_more(ws, tmp_path)
    place = str(ws.store.layout.root)

    def run(*words):
        return CliRunner().invoke(cli, ["retrain", "topic", *words, "--workspace", place], catch_exceptions=False)

    shown = run("--margin", str(LOOSE), "--slice", "channel")
    assert "SWITCH to topic@2" in shown.output
    assert "channel = app: passes" in shown.output
    assert "topic@1 answers again" in run("--rollback").output
    assert json.loads(run("--every", "7d", "--json").output)["every_s"] == 7 * 86400
    assert "not retrained by itself any more" in run("--never").output


def test_the_margin_is_held_where_the_truth_lies_on_it():
    """At a true loss of exactly the margin, at most 2.5% of the tests may pass (and a few percent more by chance)."""
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(1000):
        draw = rng.random(400)
        old, new = draw > 0.10, (draw > 0.10) & (draw < 0.95)  # right on 90%; the new one loses 5 points of it
        new = new | ((draw < 0.02) & True)  # and wins 2
        passed += non_inferior(new, old, 0.03).verdict == "passes"
    assert passed / 1000 < 0.04
