"""Doubtful records and labels: found, kept once, decided, honoured by snapshots, taken back."""

import json
from functools import partial

import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.access import Actor, Role
from homegrown.core.issues import KINDS, Decision, Found
from homegrown.errors import ConflictError, EmptyDataError, ForbiddenError, InputError, NotFoundError
from homegrown.store import tables
from homegrown.store.events import read_events

WORDS = {
    "card": "my card never came and the new card is lost please block the card",
    "refund": "i want my money back please refund the order the refund is still missing",
    "login": "i cannot sign in the password is wrong reset my password for the sign in page",
}
KEY = "sk" + "_live_" + "4eC39HqLyjWDarjtT1zdp7dc"
MAIL = "anna.example@example.org"


def rows(n=40, seed=0):
    """Texts of three easy classes, no two alike."""
    rng = np.random.default_rng(seed)
    found = []
    for label, words in WORDS.items():
        for i in range(n):
            some = list(rng.choice(words.split(), 6, replace=False))
            found.append({"text": " ".join([*some, f"{label}{i}", f"w{rng.integers(9999)}"]), "label": label})
    return found


@pytest.fixture
def planted(ws, put):
    """Rows with one wrong label and one of each doubtful text; and the id of the record of each."""
    data = rows()
    wrong = data[0]["text"]
    data[0]["label"] = "refund"
    odd = {
        "personal": f"my card never came write to {MAIL} or call +49 30 901820",
        "secret": f"the key is {KEY} please reset the card",
        "language": "ich habe meine Karte verloren und möchte bitte wissen warum sie noch nicht da ist",
        "too_short": "a",
        "non_text": "#### 1234 %%%% ==== 5678 !!!! ---- ++++",
        "near_duplicate": data[1]["text"] + " !!!",
        "outlier": "quantum chromodynamics of the zebra's opera in Antarctica",
    }
    put([*data, *({"text": text, "label": "card"} for text in odd.values())])
    task = ws.task_from_column("t", "label")
    page = ws.store.records.page(limit=1000).records
    ids = {r.text: r.record_id for r in page}
    return task, {"label_error": ids[wrong], **{kind: ids[text] for kind, text in odd.items()}}


def by_kind(ws, kind, **more):
    return [i for i in ws.issues(kind=kind, limit=1000, **more)]


def test_each_planted_doubt_is_found_once_with_its_reason(ws, planted):
    task, ids = planted
    report = ws.find_issues(task)
    for kind, record_id in ids.items():
        found = [i for i in by_kind(ws, kind) if record_id in (i.record_id, i.other_id)]
        assert len(found) == 1, kind
        assert 0 <= found[0].score <= 1
        assert found[0].reason.endswith(".")
    assert report.n_open["label_error"] == len(by_kind(ws, "label_error")) <= 4
    assert report.n_open["personal"] == report.n_open["secret"] == 1
    everything = ws.issues(limit=1000)
    assert [i.harm for i in everything] == sorted((i.harm for i in everything), reverse=True)
    assert not any(MAIL in i.reason + str(i.details) or KEY in i.reason + str(i.details) for i in everything)
    before = {i.issue_id for i in everything}
    assert ws.find_issues(task).n_open == report.n_open
    assert {i.issue_id for i in ws.issues(limit=1000)} == before


def test_a_decision_stays_decided_and_an_issue_that_is_no_more_leaves(ws, planted, put):
    task, _ = planted
    ws.find_issues(task)
    one = by_kind(ws, "personal")[0]
    decided = ws.decide(one.issue_id, "keep")
    assert (decided.state, decided.decided_by) == ("kept", ws.store.actor.actor_id)
    assert ws.find_issues(task).n_open["personal"] == 0
    assert by_kind(ws, "personal") == []
    assert by_kind(ws, "personal", state=None)[0].state == "kept"
    put([{"text": "nothing odd in here at all", "label": "card"}])  # the older file's rows leave
    ws.find_issues(kinds=["secret"])
    assert by_kind(ws, "secret") == []


def test_relabel_is_a_vote_and_undo_takes_it_back(ws, planted, rows_of):
    task, ids = planted
    ws.find_issues(task)
    one = next(i for i in by_kind(ws, "label_error") if i.record_id == ids["label_error"])
    done = ws.decide(one.issue_id, Decision.RELABEL)
    card = task.class_names.index("card")

    def label():
        return next(r for r in rows_of(ws.snapshot(task)) if r["record_id"] == ids["label_error"])["probs"]

    assert label()[card] == 1
    with pytest.raises(ConflictError, match="decided meanwhile"):
        ws.decide(one.issue_id, Decision.KEEP)
    assert ws.undo_decision(one.issue_id).state == "open"
    assert label()[task.class_names.index("refund")] == 1
    assert ws.store.person_votes.find(done.details["vote_id"]) is not None
    assert ws.decide(one.issue_id, "relabel", said="login").state == "relabelled"
    assert label()[task.class_names.index("login")] == 1
    with pytest.raises(InputError, match="no class"):
        ws.decide(
            by_kind(ws, "label_error", state="open")[0].issue_id
            if by_kind(ws, "label_error")
            else by_kind(ws, "ambiguous")[0].issue_id,
            "relabel",
            said="nonsense",
        )


def test_dropped_and_merged_records_leave_later_snapshots(ws, planted, rows_of):
    task, _ = planted
    before = ws.snapshot(task)
    ws.find_issues(task)
    dropped = ws.decide(by_kind(ws, "outlier")[0].issue_id, "drop")
    twin = by_kind(ws, "near_duplicate")[0]
    merged = ws.decide(twin.issue_id, "merge")
    after = ws.snapshot(task)
    left = {r["record_id"] for r in rows_of(after)}
    assert dropped.record_id not in left
    assert merged.record_id not in left
    assert merged.other_id in left
    assert (after.details["n_dropped"], after.details["n_merged"]) == (1, 1)
    assert {r["record_id"] for r in rows_of(before)} >= {dropped.record_id, merged.record_id}  # frozen is frozen
    ws.undo_decision(dropped.issue_id)
    ws.undo_decision(merged.issue_id)
    assert ws.snapshot(task).snapshot_id == before.snapshot_id


def test_a_merged_record_stays_while_nobody_stands_for_it(ws, planted, rows_of):
    task, _ = planted
    ws.find_issues(task)
    merged = ws.decide(by_kind(ws, "near_duplicate")[0].issue_id, "merge")
    lost = Found(merged.other_id, "outlier", 1.0, "Lost.")
    ws.store.issues.put(ws.store.actor, {"outlier": None}, [lost], replace=False)
    ws.decide(next(i for i in by_kind(ws, "outlier") if i.record_id == merged.other_id).issue_id, "drop")
    left = {r["record_id"] for r in rows_of(ws.snapshot(task))}
    assert merged.other_id not in left
    assert merged.record_id in left


def test_masking_writes_a_record_of_its_own_and_keeps_the_link(ws, planted, rows_of):
    task, ids = planted
    before = ws.snapshot(task)
    ws.find_issues(task)
    for kind in ("personal", "secret"):
        ws.decide(by_kind(ws, kind)[0].issue_id, "mask")
    frozen = rows_of(ws.snapshot(task))
    texts = " ".join(r["text"] for r in frozen)
    assert MAIL not in texts
    assert KEY not in texts
    assert "write to [email] or call [phone]" in texts
    assert len(frozen) == sum(before.n_by_split.values())
    assert ids["personal"] not in {r["record_id"] for r in frozen}
    assert next(r for r in frozen if "[email]" in r["text"])["probs"] == [1.0, 0.0, 0.0]
    made = ws.store.issues.derived("mask")
    assert set(made) == {ids["personal"], ids["secret"]}
    assert ws.store.records.texts(made)[ids["personal"]].endswith("+49 30 901820")  # the original stays
    personal = by_kind(ws, "personal", state="masked")[0]
    ws.undo_decision(personal.issue_id)
    again = " ".join(r["text"] for r in rows_of(ws.snapshot(task)))
    assert MAIL in again
    assert KEY not in again
    ws.undo_decision(by_kind(ws, "secret", state="masked")[0].issue_id)
    assert ws.store.issues.derived("mask") == {}
    assert ws.snapshot(task).snapshot_id == before.snapshot_id
    ws.decide(personal.issue_id, "mask")
    assert ws.snapshot(task).details["n_masked"] == 1


def test_forgetting_a_record_takes_what_was_made_from_it(ws, planted):
    task, ids = planted
    ws.find_issues(task)
    done = ws.decide(by_kind(ws, "personal")[0].issue_id, "mask")
    made = str(done.details["masked_id"])
    assert ws.store.records.get([made])
    ws.forget(record=ids["personal"])
    assert ws.store.records.get([made, ids["personal"]]) == []
    assert ws.store.issues.derived("mask") == {}
    assert not [i for i in ws.issues(state=None, limit=1000) if ids["personal"] in (i.record_id, i.other_id)]


def test_forgetting_a_record_takes_what_was_made_from_it_and_taken_back(ws, planted):
    task, ids = planted
    ws.find_issues(task)
    done = ws.decide(by_kind(ws, "personal")[0].issue_id, "mask")
    ws.undo_decision(done.issue_id)
    ws.forget(record=ids["personal"])
    assert ws.store.records.get([str(done.details["masked_id"]), ids["personal"]]) == []


def test_a_masked_record_is_out_of_sight_and_doubts_nobody(ws, planted):
    task, ids = planted
    ws.find_issues(task)
    n_records, sources = ws.store.records.count(), ws.store.sources.list()
    n_twins = len(by_kind(ws, "near_duplicate"))
    for kind in ("personal", "secret"):
        ws.decide(by_kind(ws, kind)[0].issue_id, "mask")
    assert ws.store.records.count() == n_records
    assert ws.store.sources.list() == sources
    ws.find_issues(task)
    assert len(by_kind(ws, "near_duplicate")) == n_twins
    assert not {i.record_id for i in ws.issues(limit=1000)} & set(ws.store.issues.derived("mask").values())
    ws.ingest(ws.store.layout.root.parent / "rows.csv", text="text", label="label", name="again")
    assert ws.store.records.count() == n_records
    assert ws.snapshot(task).details["n_masked"] == 2
    assert set(ws.store.issues.derived("mask")) == {ids["personal"], ids["secret"]}


def test_a_record_stays_masked_while_another_decision_asks_for_it(ws, put):
    put([{"text": f"the key is {KEY} write to {MAIL}", "label": "a"}, {"text": "nothing odd in here", "label": "b"}])
    task = ws.task_from_column("t", "label")
    ws.find_issues(kinds=["personal", "secret"])
    first, second = (ws.decide(by_kind(ws, kind)[0].issue_id, "mask") for kind in ("personal", "secret"))
    assert first.details["masked_id"] == second.details["masked_id"]
    ws.undo_decision(first.issue_id)
    assert ws.snapshot(task).details["n_masked"] == 1
    ws.undo_decision(second.issue_id)
    assert ws.snapshot(task).details["n_masked"] == 0


def test_forgetting_takes_a_masked_record_whose_decision_came_too_late(ws, planted, monkeypatch):
    task, ids = planted
    ws.find_issues(task)
    issue = by_kind(ws, "personal")[0].issue_id

    def late(actor, *_, **facts):
        made.append(facts["masked_id"])
        raise ConflictError("This issue was decided meanwhile. Undo that decision first.")

    made = []
    monkeypatch.setattr(ws.store.issues, "decide", late)
    with pytest.raises(ConflictError):
        ws.decide(issue, "mask")
    assert ws.store.issues.derived("mask") == {}
    ws.forget(record=ids["personal"])
    assert ws.store.records.get([*made, ids["personal"]]) == []


def test_a_masked_record_stays_on_the_side_of_the_test(ws, put, rows_of):
    learnt, tested = rows(), [*rows(10, seed=9), {"text": f"write to {MAIL} about my lost card", "label": "card"}]
    put(learnt, "learnt.csv")
    put(tested, "tested.csv")
    task = ws.task_from_column("t", "label")
    plain = ws.snapshot(task, test_source="tested.csv")
    ws.find_issues(kinds=["personal"])
    done = ws.decide(by_kind(ws, "personal")[0].issue_id, "mask")
    hidden = ws.snapshot(task, test_source="tested.csv")
    assert hidden.details["n_masked"] == 1
    assert plain.n_by_split == hidden.n_by_split
    again = ws.snapshot(task, test_of=plain.snapshot_id)
    ws.undo_decision(done.issue_id)
    back = ws.snapshot(task, test_of=hidden.snapshot_id)
    for snapshot in (hidden, again, back):
        assert not [r for r in rows_of(snapshot) if "about my lost card" in r["text"] and r["split"] != "test"]
        assert snapshot.n_by_split["test"] == len(tested)


def test_only_what_fits_may_be_decided(ws, planted):
    task, _ = planted
    ws.find_issues(task)
    one = by_kind(ws, "outlier")[0]
    for decision in ("relabel", "mask", "nonsense", ""):
        with pytest.raises(InputError, match="no decision about this issue"):
            ws.decide(one.issue_id, decision)
    with pytest.raises(NotFoundError):
        ws.decide("iss_0", "keep")
    with pytest.raises(ConflictError):
        ws.undo_decision(one.issue_id)
    with pytest.raises(InputError, match="no kind of issue"):
        ws.find_issues(kinds=["nonsense"])
    with pytest.raises(InputError, match="Name a task"):
        ws.find_issues(kinds=["label_error"])


def test_somebody_else_decides_but_cannot_take_back_a_vote(ws, planted):
    task, _ = planted
    ws.find_issues(task)
    one = by_kind(ws, "label_error")[0]
    ws.decide(one.issue_id, "relabel")
    anna = Actor("actor_anna", "person", "Anna", Role.REVIEWER)
    with ws.store.db.write() as connection:
        connection.execute(
            sa.insert(tables.actors).values(actor_id=anna.actor_id, kind="person", name="Anna", created_at="x")
        )
    with pytest.raises(ForbiddenError):
        ws.acting_as(anna).undo_decision(one.issue_id)
    assert ws.store.issues.get(one.issue_id).state == "relabelled"
    other = by_kind(ws, "outlier")[0]
    assert ws.acting_as(anna).decide(other.issue_id, "drop").decided_by == anna.actor_id


def test_every_decision_is_in_the_audit_and_holds_no_text(ws, planted):
    task, _ = planted
    ws.find_issues(task)
    one = by_kind(ws, "secret")[0]
    ws.decide(one.issue_id, "mask")
    ws.undo_decision(one.issue_id)
    events = read_events(ws.store.db)
    assert {"curate.find_issues", "curate.decide_issue", "curate.undo_decision", "curate.derive"} <= {
        e["action"] for e in events
    }
    assert KEY not in str(events)


def test_an_empty_workspace_and_one_without_labels(ws, put):
    with pytest.raises(EmptyDataError):
        ws.find_issues()
    put([{"text": "only one text here"}], label=None)
    assert set(ws.find_issues().n_open) == {k for k, kind in KINDS.items() if not kind.about_task}
    task = ws.task("t", classes=["a", "b"]).noun
    assert any("Too few labelled records" in note for note in ws.find_issues(task).notes)


def test_a_source_alone_is_looked_at(ws, put):
    put([{"text": f"write to {MAIL} please"}], "a.csv", label=None)
    put([{"text": "call +49 30 901820 please"}], "b.csv", label=None)
    assert ws.find_issues(source="a.csv", kinds=["personal"]).n_open == {"personal": 1}
    assert ws.find_issues(source="b.csv", kinds=["personal"]).n_open == {"personal": 1}
    assert len(by_kind(ws, "personal")) == 2
    with pytest.raises(InputError, match="no source"):
        ws.find_issues(source="c.csv")


def test_a_diff_names_what_changed(ws, planted):
    task, ids = planted
    before = ws.snapshot(task)
    assert ws.diff(before, before).n_same == sum(before.n_by_split.values())
    ws.find_issues(task)
    ws.decide(next(i for i in by_kind(ws, "label_error") if i.record_id == ids["label_error"]).issue_id, "relabel")
    dropped = ws.decide(by_kind(ws, "outlier")[0].issue_id, "drop")
    ws.decide(by_kind(ws, "personal")[0].issue_id, "mask")
    after = ws.snapshot(task)
    found = ws.diff(before, after)
    assert [c.record_id for c in found.removed] == [dropped.record_id]
    assert found.added == ()
    assert [(c.record_id, c.labels) for c in found.relabelled] == [(ids["label_error"], ("refund", "card"))]
    back = ws.diff(after, before)
    assert [c.record_id for c in back.added] == [dropped.record_id]
    assert len(back.moved) == len(found.moved)
    other = ws.task("u", classes=["a", "b"]).noun
    ws.vote(ids["too_short"], other, "a")
    with pytest.raises(InputError, match="two tasks"):
        ws.diff(before, ws.snapshot(other))
    with pytest.raises(NotFoundError):
        ws.diff(before, "snap_nothing")


def test_in_a_diff_a_class_that_was_renamed_is_the_same(ws, planted):
    task, ids = planted
    before = ws.snapshot(task)
    renamed = ws.rename_class(task, "card", "cards")
    ws.vote(ids["label_error"], renamed, "cards")
    found = ws.diff(before, ws.snapshot(renamed))
    assert [(c.record_id, c.labels) for c in found.relabelled] == [(ids["label_error"], ("refund", "cards"))]
    assert found.added == found.removed == ()


def test_a_datasheet_reads_votes_and_frozen_labels_by_what_they_mean_now(ws, planted):
    task, ids = planted
    ws.vote(ids["too_short"], task, "card")
    before = ws.snapshot(task)
    merged = ws.merge_classes(task, ["card", "login"], "help")
    ws.vote(ids["secret"], merged, "help")
    after = ws.snapshot(merged)
    for snapshot in (before, after):
        sources = ws.datasheet(snapshot)["labels"]["sources"]
        assert {s["kind"]: (s["n"], s["agreement"]) for s in sources} == {"imported": (127, 1.0), "person": (2, 1.0)}


def test_a_datasheet_says_what_is_known_and_holds_no_text(ws, planted):
    task, ids = planted
    ws.find_issues(task)
    ws.decide(next(i for i in by_kind(ws, "label_error") if i.record_id == ids["label_error"]).issue_id, "relabel")
    ws.decide(by_kind(ws, "personal")[0].issue_id, "mask")
    snapshot = ws.snapshot(task)
    sheet = ws.datasheet(snapshot)
    assert sheet["n_by_split"] == snapshot.n_by_split
    assert sum(s["n"] for s in sheet["sources"]) == sum(snapshot.n_by_split.values())
    assert {s["kind"]: s["n"] for s in sheet["labels"]["sources"]} == {"imported": 127, "person": 1}
    assert next(s for s in sheet["labels"]["sources"] if s["kind"] == "imported")["agreement"] == round(126 / 127, 4)
    assert sum(c["train"] + c["valid"] + c["test"] for c in sheet["classes"]) == 127
    assert sheet["decisions"]["n_masked"] == 1
    page = ws.datasheet(snapshot, markdown=True)
    assert "| rows.csv | 126 |" in page
    assert "masked 1 records" in page
    assert MAIL not in page + str(sheet)


def test_names_in_a_datasheet_make_no_markup(ws, put):
    put(
        [{"text": f"text number {i}", "label": ["<script>x</script>|", "[a](http://x)\n# b"][i % 2]} for i in range(20)]
    )
    page = ws.datasheet(ws.snapshot(ws.task_from_column("t", "label")), markdown=True)
    assert "<script>" not in page
    assert "[a](" not in page
    assert page.count("\n# ") == 0


def test_the_command_line_finds_lists_decides_and_takes_back(ws, planted):
    run = partial(CliRunner().invoke, cli, catch_exceptions=False)
    at = ["--workspace", str(ws.store.layout.root)]
    found = run(["curate", "issues", "t", "--kind", "personal", "--kind", "secret", "--json", *at])
    document = json.loads(found.stdout)
    assert {i["kind"] for i in document["issues"]} == {"personal", "secret"}
    issue = document["issues"][0]["issue_id"]
    assert "dropped" in run(["curate", "issues", "--decide", issue, "drop", *at]).output
    listed = json.loads(run(["curate", "issues", "--list", "--all", "--json", *at]).stdout)
    assert {i["state"] for i in listed["issues"]} == {"open", "dropped"}
    assert "open" in run(["curate", "issues", "--undo", issue, *at]).output
    assert "2 issues wait" in run(["curate", "issues", "--list", *at]).output
    first = ws.snapshot(ws.store.tasks.find("t"))
    run(["curate", "issues", "--decide", issue, "drop", *at])
    second = ws.snapshot(ws.store.tasks.find("t"))
    told = run(["curate", "diff", first.snapshot_id, second.snapshot_id, *at]).output
    assert "removed: 1" in told
    assert "# Datasheet: t" in run(["curate", "datasheet", second.snapshot_id, *at]).output
