"""``homegrown label fields`` as somebody types it: from a file of answers to a document."""

import json

import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli
from homegrown.errors import InputError, NotFoundError
from tests.workspace.test_objects import rows


def _run(tmp_path, *arguments):
    done = CliRunner().invoke(cli, [*arguments, "--workspace", str(tmp_path / "ws")])
    if done.exception is not None:
        raise done.exception
    return done


def test_from_a_file_of_answers_to_a_document(tmp_path):
    (tmp_path / "in.jsonl").write_text("\n".join(map(json.dumps, rows(60))), encoding="utf-8")
    assert _run(tmp_path, "ingest", str(tmp_path / "in.jsonl"), "--text", "text").exit_code == 0
    fields = ("--field", "who=span!", "--field", "day=date", "--field", "total=money")
    made = _run(tmp_path, "label", "fields", "receipt", *fields, "--column", "answer")
    assert "60 records have answers, 0 have none." in made.stdout
    snapshot = json.loads(_run(tmp_path, "curate", "freeze", "receipt", "--json").stdout)["snapshot_id"]
    trained = _run(tmp_path, "train", snapshot, "--name", "receipt", "--recipe", "fields")
    assert "receipt@1: fields." in trained.stdout
    measured = _run(tmp_path, "evaluate", "receipt")
    assert "are right in every field" in measured.stdout
    assert "day" in measured.stdout
    said = json.loads(_run(tmp_path, "predict", "receipt", "No 9\nDan Poe\non 05/06/2026, 3.50 EUR", "--json").stdout)
    assert said["answers"][0]["document"]["day"] == "2026-06-05"
    schema = _run(tmp_path, "label", "fields", "receipt", "--json")
    (tmp_path / "schema.json").write_text(json.dumps(json.loads(schema.stdout)["schema"]))
    assert _run(tmp_path, "label", "fields", "other", "--schema", str(tmp_path / "schema.json")).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gone",), "There is no task 'gone'; say its fields"),
        (("r", "--field", "total"), "write NAME=TYPE"),
        (("r", "--field", "total=spam"), "of no type 'spam'"),
        (("r", "--field", "total=money", "--field", "total=date"), "'total' is said twice"),
        (("r", "--field", "properties=spam"), "'properties' is of no type 'spam'"),
        (("r", "--schema", "gone.json"), "gone.json cannot be read"),
        (("r", "--schema", "gone.json", "--field", "a=span"), "either --field or --schema"),
    ],
)
def test_what_is_not_understood_gets_one_sentence(tmp_path, arguments, says):
    with pytest.raises((InputError, NotFoundError), match=says):
        _run(tmp_path, "label", "fields", *arguments)
