"""``homegrown grow`` from a file whose answers are objects to a model that answers."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.core.schema import FieldType
from homegrown.errors import InputError, UnsuitableLabelsError
from homegrown.label.guessed_fields import guess_fields
from homegrown.workspace import connect

RECEIPTS = Path(__file__).parents[2] / "examples" / "receipts" / "receipts.jsonl"


def grow(tmp_path, *arguments, file=RECEIPTS):
    where = ["--text", "text", "--workspace", str(tmp_path / "ws")]
    done = CliRunner().invoke(cli, ["grow", str(file), *where, *arguments])
    if done.exception is not None:
        raise done.exception
    return done


@pytest.mark.slow
def test_from_the_example_to_a_model_that_answers(tmp_path):
    said = grow(tmp_path, "--fields", "answer", "--name", "receipt", "--recipe", "fields", "--json")
    found = json.loads(said.stdout.splitlines()[-1])
    assert (found["n_records"], found["n_train"] + found["n_test"]) == (36, 36)
    assert {f["name"]: f["type"] for f in found["fields"]} == {
        "date": "date", "paid": "choice", "shop": "span", "total": "money",
    }  # fmt: skip
    assert "They were guessed" in found["warnings"][0]
    assert found["accuracy_ci95"][0] <= found["accuracy"]
    assert Path(found["report_path"]).read_text(encoding="utf-8").startswith("<!doctype html>")
    with connect(tmp_path / "ws") as ws:
        assert [e.name for e in ws.store.endpoints.list()] == ["receipt"]
        (answer,) = ws.predict("receipt", ["Bluebell Bakery\n3 Mill Street\nDate: 3/11/2026\nTOTAL £3.40\nCash £5.00"])
        assert answer["document"]["total"] == {"amount": 3.4, "currency": "GBP"}
        assert answer["document"]["date"] == "2026-11-03"


def test_each_field_in_a_column_of_its_own_and_what_is_refused(tmp_path):
    rows = [
        {"text": f"to {w}\nsum {i}.50", "who": w, "sum": f"{i}.50"} for i, w in enumerate(["Ann", "Bob", "Cat"] * 10)
    ]
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    with pytest.raises(InputError, match="--label COLUMN for a class"):
        grow(tmp_path, file=tmp_path / "in.jsonl")
    with pytest.raises(InputError, match="--label COLUMN for a class"):
        grow(tmp_path, "--label", "who", "--fields", "who", file=tmp_path / "in.jsonl")
    with pytest.raises(InputError, match="objects have none"):
        grow(tmp_path, "--fields", "who", "--merge", "a=b", file=tmp_path / "in.jsonl")
    with pytest.raises(UnsuitableLabelsError, match="say them: --field NAME=TYPE"):
        grow(tmp_path, "--fields", "who", file=tmp_path / "in.jsonl")
    done = grow(tmp_path, "--field", "sum=number", "--recipe", "fields", file=tmp_path / "in.jsonl")
    assert "in: fields is right in every field on 100.0%" in done.stdout
    assert "Fields: sum (number).\n" in done.stdout


def test_fields_are_guessed_by_what_their_values_are():
    texts = [f"No {i}: Ann and Bob, {i}.50 EUR on 3 May 2026, urgent" for i in range(30)]
    documents = [
        {
            "day": "3 May 2026", "sum": f"{i}.50 EUR", "paid": {"amount": i, "currency": None}, "n": i, "ratio": f"{i}.5",
            "mood": ["calm", "cross"][i % 2], "urgent": True, "who": ["Ann", "Bob"], "first": "Ann" if i else None,
            "items": [{"price": 1}], "note": {"deep": 1}, "due": f"0{i % 9 + 1}/{i % 28 + 1:02}/2026", "cost": f"$ {i}.00" if i % 3 else f"{i}.00",
            "blank": "",
        }
        for i in range(30)
    ]  # fmt: skip
    found = {f.name: f for f in guess_fields(zip(texts, documents, strict=True))}
    assert {n: f.type.value for n, f in found.items()} == {
        "day": "date", "sum": "money", "paid": "money", "n": "number", "ratio": "number", "mood": "choice",
        "urgent": "boolean", "who": "span", "first": "span", "due": "date", "cost": "money",
    }  # fmt: skip
    assert found["who"].takes_many
    assert [c.name for c in found["mood"].choices] == ["calm", "cross"]
    assert found["first"].type is FieldType.SPAN
