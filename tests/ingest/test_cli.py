"""The command, in this process."""

import json

from click.testing import CliRunner

from homegrown.cli.ingest import command


def _run(tmp_path, *arguments, **options):
    return CliRunner().invoke(command, [*arguments, "--workspace", str(tmp_path / "work")], **options)


def test_a_person_reads_what_was_read_and_what_was_not(tmp_path):
    (tmp_path / "t.csv").write_text("body;kind\nhello;A\nbad\nthere;a\n")
    done = _run(tmp_path, str(tmp_path / "t.csv"), "--text", "body", "--label", "kind")
    assert done.exit_code == 0, done.exception
    assert "t.csv: 2 records, 2 new." in done.stdout
    assert "t.csv, line 3: it has 1 cells where the header has 2" in done.stdout
    assert "'A', 'a' differ only by case or spaces" in done.stdout
    again = _run(tmp_path, str(tmp_path / "t.csv"), "--text", "body", "--label", "kind")
    assert "nothing new" in again.stdout


def test_json_is_one_document_on_standard_output(tmp_path):
    done = _run(tmp_path, "-", "--text", "text", "--json", "--name", "piped", input='{"text": "a"}\nnot json\n')
    document = json.loads(done.stdout)
    assert (document["name"], document["n_added"], document["n_quarantined"]) == ("piped", 1, 1)
    assert document["quarantined"][0]["line"] == 2
