"""SWITCH, KEEP or NEED n MORE: over columns of a file, over shadow answers, by slices, with few and with no gold."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
import sqlalchemy as sa

from homegrown.cli.evaluate import command
from homegrown.errors import EmptyDataError, InputError
from homegrown.evaluate.verdict import Answers, give_verdict, lines
from homegrown.store import tables


def said(rng, n, student, incumbent):
    """Gold, and two that are right in these shares of calls, by themselves."""
    gold = [f"c{k}" for k in rng.integers(0, 9, n)]
    return [
        [g if right else "wrong" + mark for g, right in zip(gold, rng.random(n) < share, strict=True)]
        for mark, share in (("1", student), ("2", incumbent))
    ] + [gold]


def test_a_clear_case_either_way_and_one_that_is_open():
    rng = np.random.default_rng(0)
    better = give_verdict(Answers(*said(rng, 800, 0.95, 0.90)), margin=0.02)
    assert better["verdict"] == "SWITCH"
    assert better["n_more"] is None
    assert better["overall"]["interval"][0] > -0.02
    assert better["sentence"].startswith("SWITCH. A loss of 2 points or more is ruled out overall")
    worse = give_verdict(Answers(*said(rng, 800, 0.85, 0.95)), margin=0.02)
    assert worse["verdict"] == "KEEP"
    assert worse["overall"]["interval"][1] < 0
    few = give_verdict(Answers(*said(rng, 100, 0.9, 0.9)), margin=0.02)
    assert few["verdict"] == "NEED"
    assert 500 < few["n_more"] < 20_000
    assert few["sentence"].startswith(f"NEED {few['n_more']:,} MORE.")
    assert few["student_accuracy_ci95"][0] < few["student_accuracy"] < few["student_accuracy_ci95"][1]
    assert 0.8 < few["agreement"] < 1 or few["n_differ"] > 5
    assert any("They agree on" in line for line in lines(few))


def test_as_many_more_as_it_says_would_tell():
    rng = np.random.default_rng(1)
    told = 0
    for _ in range(10):
        student, incumbent, gold = said(rng, 300, 0.95, 0.95)
        first = give_verdict(Answers(student, incumbent, gold), margin=0.03)
        if first["verdict"] != "NEED":
            told += 1
            continue
        more = said(rng, first["n_more"], 0.95, 0.95)
        joined = Answers(student + more[0], incumbent + more[1], gold + more[2])
        told += give_verdict(joined, margin=0.03)["verdict"] != "NEED"
    assert told >= 6


def test_one_bad_slice_keeps_the_incumbent_and_small_ones_are_named():
    rng = np.random.default_rng(2)
    good, bad = said(rng, 900, 0.95, 0.9), said(rng, 300, 0.6, 0.95)
    both = [a + b for a, b in zip(good, bad, strict=True)]
    channel = ["app"] * 900 + ["mail"] * 290 + ["fax"] * 10
    found = give_verdict(Answers(*both, fields={"channel": channel}))
    assert found["verdict"] == "KEEP"
    assert [(p["value"], p["verdict"]) for p in found["slices"]] == [("app", "SWITCH"), ("mail", "KEEP")]
    assert "where channel is mail" in " ".join(found["reasons"])
    assert found["not_told"] == ["10 calls are of values of 'channel' with fewer than 20 calls each."]


def test_without_gold_agreement_can_say_switch_but_never_keep():
    same = ["a", "b"] * 400
    assert give_verdict(Answers(same, same))["verdict"] == "SWITCH"
    other = ["c" if i % 5 == 0 else s for i, s in enumerate(same)]
    found = give_verdict(Answers(other, same))
    assert found["verdict"] == "NEED"
    assert found["n_more"] == 160
    assert found["against"] == "incumbent"
    assert "Let a person say" in found["reasons"][-1]
    few = give_verdict(Answers(same[:60], same[:60]))
    assert few["verdict"] == "NEED"
    assert few["n_more"] > 50, "where they never differ no person can tell: calls are missing"
    assert few["reasons"][-1] == f"About {few['n_more']:,} more calls would probably tell."


def test_only_differing_calls_need_a_person_and_weights_keep_it_unbiased():
    rng = np.random.default_rng(3)
    student, incumbent, gold = said(rng, 3000, 0.93, 0.90)
    differ = np.array([s != i for s, i in zip(student, incumbent, strict=True)])
    drawn = differ & (rng.random(3000) < 0.5)
    known = [g if d else None for g, d in zip(gold, drawn, strict=True)]
    found = give_verdict(Answers(student, incumbent, known, np.where(drawn, 2.0, 0.0)), margin=0.03)
    truth = np.mean([(s == g) - (i == g) for s, i, g in zip(student, incumbent, gold, strict=True)])
    assert found["n"] == 3000
    assert found["overall"]["interval"][0] < truth < found["overall"]["interval"][1]
    assert abs(found["overall"]["difference"] - truth) < 0.025
    assert found["verdict"] == "SWITCH"
    # Read without weights, the calls with gold are those that differ: the same answers look ten times as far apart.
    plain = give_verdict(Answers(student, incumbent, known), margin=0.03)
    assert plain["overall"]["difference"] > 3 * truth


def test_what_nobody_has_judged_yet_ends_the_stream():
    same = ["a"] * 200
    student = ["b" if i in (100, 150) else "a" for i in range(200)]
    gold = ["a" if i == 150 else None for i in range(200)]
    weight = np.array([1.0 if i in (100, 150) else 0.0 for i in range(200)])
    found = give_verdict(Answers(student, same, gold, weight))
    assert found["n"] == 100
    assert found["not_told"] == ["100 calls wait behind the first that differs and that nobody has judged yet."]


def test_what_cannot_be_used_is_said_in_a_sentence():
    with pytest.raises(EmptyDataError, match="No call can be judged"):
        give_verdict(Answers(["a"], ["b"], [None]))
    with pytest.raises(InputError, match="margin is 2"):
        give_verdict(Answers(["a"], ["a"]), margin=2)
    with pytest.raises(InputError, match="same number"):
        give_verdict(Answers(["a"], ["a", "b"]))
    for weight in (0.5, -1.0, float("nan")):
        with pytest.raises(InputError, match="Weights are"):
            give_verdict(Answers(["a"], ["b"], ["a"], np.array([weight])))


def test_the_command_reads_columns_of_a_file(tmp_path, capsys):
    student, incumbent, gold = said(np.random.default_rng(4), 800, 0.95, 0.90)
    path = tmp_path / "calls.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["mine", "theirs", "right", "odds"])
        writer.writerows(zip(student, incumbent, gold, ["x"] * 800, strict=True))
    both = (path, "--verdict", "--student", "mine", "--incumbent", "theirs")
    verb = [sys.executable, "-m", "homegrown", "evaluate"]
    asked = [*verb, *both, "--gold", "right", "--margin", "0.03", "--json"]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "SWITCH"
    assert json.loads(done.stdout)["margin"] == 0.03
    command.main([str(a) for a in (*both, "--gold", "right")], standalone_mode=False)
    assert capsys.readouterr().out.startswith("SWITCH. A loss of 2 points or more is ruled out")
    for wrong, words in (
        ((*both, "--gold", "nope"), "has no column 'nope'"),
        ((*both, "--gold", "right", "--weight", "odds"), "no number"),
        ((*both, "--weight", "odds"), "name its column too"),
        ((path, "--verdict", "--student", "mine"), "Name both columns"),
        ((path, "--student", "mine"), "belong to --verdict"),
    ):
        with pytest.raises(InputError, match=words):
            command.main([str(a) for a in wrong], standalone_mode=False)


def test_shadow_answers_in_the_workspace(ws, world, tmp_path):
    ws.ingest(world.write_csv(tmp_path / "rows.csv", world.rows(60)), text="text", label="label")
    version = world.register(ws, ws.snapshot(ws.task_from_column("intent", "label")))
    with pytest.raises(EmptyDataError, match="no shadow answers yet"):
        ws.verdict(version)
    rng = np.random.default_rng(5)
    shadow, audits = [], []
    for i in range(1200):
        agrees = bool(rng.random() < 0.93)
        at = f"2026-11-01T00:{i // 60:02d}:{i % 60:02d}Z"
        shadow.append((f"t{i:04d}", version.version_id, "card", 0.9, int(agrees), 0.01, at))
        if not agrees:
            audits.append((f"t{i:04d}", version.version_id, "gold", 1.0, "card", "refund", "card", at, at))
    audits.append(("t0000", version.version_id, "random", 20.0, "card", "refund", None, "2026", None))
    with ws.store.db.write() as connection:
        for table, rows in ((tables.shadow_answers, shadow), (tables.audits, audits)):
            names = [c.name for c in table.columns]
            connection.execute(sa.insert(table), [dict(zip(names, r, strict=True)) for r in rows])
    found = ws.verdict(version.version_id)
    assert found["verdict"] == "SWITCH"
    assert (found["n"], found["n_differ"]) == (1200, len(audits) - 1)
    assert found["overall"]["difference"] == pytest.approx((len(audits) - 1) / 1200)
    with ws.store.db.write() as connection:
        connection.execute(sa.update(tables.audits).where(tables.audits.c.kind == "gold").values(gold="refund"))
    assert ws.verdict(version)["verdict"] == "KEEP"
