"""Tasks over the API and from a terminal: the same changes, the same words."""

import json

import pytest
from click.testing import CliRunner

from homegrown.cli.main import cli


def _class_id(task, name):
    return next(c["class_id"] for c in task["classes"] if c["name"] == name)


@pytest.fixture
def client(served):
    with served.client() as client:
        yield client


def test_a_task_lives_through_all_its_changes(client):
    made = client.post(
        "/api/v1/tasks", json={"name": "mood", "classes": ["glad", "cross"], "guidelines": "# Look"}
    ).json()
    one = f"/api/v1/tasks/{made['task_id']}"
    assert client.post(f"{one}/classes", json={"name": "calm", "examples": ["fine"]}).json()["version"] == 2
    glad = _class_id(made, "glad")
    renamed = client.patch(f"{one}/classes/{glad}", json={"name": "happy", "description": "smiles"}).json()
    assert (renamed["version"], _class_id(renamed, "happy")) == (4, glad)
    merged = client.post(f"{one}/merge", json={"classes": ["calm", glad], "into": "good"}).json()
    assert [c["name"] for c in merged["classes"]] == ["good", "cross"]
    split = client.post(f"{one}/split", json={"class_id": "cross", "parts": ["angry", "sad"]}).json()
    assert split["moved"][glad] == [_class_id(split, "good")]
    assert client.delete(f"{one}/classes/{_class_id(split, 'sad')}").json()["version"] == 7
    late = client.put(f"{one}/guidelines", json={"guidelines": "x", "if_version": 3})
    assert late.status_code == 409
    back = client.post(f"{one}/restore", json={"version": 1}).json()
    assert back["classes"] == made["classes"]
    assert [v["what"] for v in client.get(f"{one}/versions").json()["versions"]][:2] == [
        "label.restore_task", "label.remove_class",
    ]  # fmt: skip
    assert client.get(f"{one}/counts").json()["n_gone"] == 0
    assert made["task_id"] in {t["task_id"] for t in client.get("/api/v1/tasks").json()["tasks"]}


def test_a_field_is_renamed_by_its_id_or_its_name(client):
    made = {"name": "bill", "fields": {"sum": "money", "day": "date"}}
    task = client.post("/api/v1/tasks", json=made).json()
    one, total = f"/api/v1/tasks/{task['task_id']}", task["fields"][0]
    body = {"name": "total", "if_version": task["version"]}
    renamed = client.patch(f"{one}/fields/{total['field_id']}", json=body)
    assert renamed.json()["fields"][0] == {**total, "name": "total", "former": ["sum"]}
    late = client.patch(f"{one}/fields/{total['field_id']}", json=body)
    assert (late.status_code, "changed meanwhile" in late.text) == (409, True)
    assert client.patch(f"{one}/fields/day", json={"name": "total"}).status_code == 409
    assert client.patch(f"{one}/fields/day", json={"name": "<b>"}).status_code == 422
    assert client.patch(f"{one}/fields/nope", json={"name": "x"}).status_code == 404
    assert client.patch(f"{one}/fields/day", json={"name": "issued"}).json()["version"] == 3
    assert client.post(f"{one}/restore", json={"version": 1}).json()["fields"] == task["fields"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("post", "", {"name": "x", "classes": ["one"]}, 422),
        ("post", "", {"name": "x", "classes": ["a", "b"], "colour": "red"}, 422),
        ("post", "/task_nope/classes", {"name": "x"}, 404),
        ("post", "/task_nope/merge", {"classes": ["a", "b"], "into": "c"}, 404),
        ("post", "/task_nope/restore", {"version": 0}, 422),
    ],
)
def test_what_does_not_fit_is_refused(client, method, path, body, status):
    assert getattr(client, method)(f"/api/v1/tasks{path}", json=body).status_code == status


def test_the_terminal_says_and_does_the_same(tmp_path, messages):
    def run(*words):
        done = CliRunner().invoke(cli, [*words, "--workspace", str(tmp_path / "w")], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    run("ingest", str(messages), "--text", "message", "--label", "topic")
    run("label", "topic", "topic")
    assert "12 records wait" in run("label", "tasks", "split", "topic", "card", "lost card", "late card")
    (tmp_path / "how.md").write_text("# How\n\nRead it.", encoding="utf-8")
    run("label", "tasks", "guidelines", "topic", str(tmp_path / "how.md"))
    run("label", "tasks", "add-class", "topic", "praise", "--description", "is glad", "--example", "thank you")
    run("label", "tasks", "rename", "topic", "refund", "money back")
    run("label", "tasks", "merge", "topic", "login", "praise", "--into", "other")
    run("label", "tasks", "remove", "topic", "other")
    run("label", "tasks", "undo", "topic")
    shown = json.loads(run("label", "tasks", "show", "topic", "--json"))
    assert {c["name"]: c["n_votes"] for c in shown["classes"]} == {
        "lost card": 6, "late card": 6, "money back": 12, "other": 12,
    }  # fmt: skip
    assert shown["n_undecided"] == 12
    shown = run("label", "tasks", "show", "topic", "--versions")
    assert "+# How" in shown
    assert "+praise, for example: thank you" in shown
    for text in ("---\n\nRead it.", "Read it."):
        (tmp_path / "how.md").write_text(text, encoding="utf-8")
        run("label", "tasks", "guidelines", "topic", str(tmp_path / "how.md"))
    assert "    ----\n" in run("label", "tasks", "show", "topic", "--versions"), "a line of dashes that went"
    assert "12 wait since a split" in run("label", "tasks", "list")
