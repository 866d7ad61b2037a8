"""``homegrown.toml``: applied once and again, written back, and never a way out of its folder."""

import json
import os
import unicodedata

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.cli.main import cli
from homegrown.core.models import Recipe
from homegrown.core.tasks import Task, TaskClass, TaskKind
from homegrown.errors import InputError, UnreadableFileError
from homegrown.jobs import Schedules
from homegrown.workspace import connect
from homegrown.workspace.declaration import every_seconds, every_text, read_declaration
from homegrown.workspace.declared import _task_lines, apply_declaration, declare_workspace, declared_task
from tests.conftest import write_messages

GOOD = """
homegrown = 1

[sources.messages]
path = "data/messages.csv"
text = "message"
label = "topic"

[tasks.topic]
column = "topic"
guidelines = "how/topic.md"
[[tasks.topic.classes]]
name = "card"
description = "the card itself"
examples = ["my card is gone"]
[[tasks.topic.classes]]
name = "praise"

[tasks.mood]
many = true

[recipes.quick]
trainer = "lexical"

[endpoints.topic]
model = "topic"
keep_text = true

[policies.topic]
retrain_every = "7d"
margin = 0.02
slices = ["channel"]
recipe = "quick"
"""
CANARY = "canary-of-the-outside"


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "project"
    (made / "data").mkdir(parents=True)
    (made / "how").mkdir()
    write_messages(made / "data" / "messages.csv", n_per_class=30)
    (made / "how" / "topic.md").write_text("# How\r\n\r\nLook twice.\n", encoding="utf-8")
    (made / "homegrown.toml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "outside.md").write_text(CANARY)
    return made


@pytest.fixture
def ws(tmp_path):
    with connect(tmp_path / "work") as ws:
        yield ws


def said(changes):
    return [(c.what, c.do is None) for c in changes]


def test_applied_once_and_again(ws, folder):
    file = folder / "homegrown.toml"
    planned = apply_declaration(ws, file, dry_run=True)
    assert ("source messages", False) in said(planned)
    assert ws.store.tasks.names() == []
    assert ws.store.records.count() == 0
    apply_declaration(ws, file)
    task = ws.store.tasks.find("topic")
    assert task.class_names == ("card", "login", "refund", "praise")
    assert (task.classes[0].description, task.guidelines) == ("the card itself", "# How\n\nLook twice.")
    assert ws.store.tasks.find("mood").kind is TaskKind.CLASSES
    assert said(apply_declaration(ws, file)) == [("endpoint topic", True), ("policy topic", True)], "both wait"

    version = ws.train(ws.snapshot(task), Recipe("lexical"), "topic")
    assert said(apply_declaration(ws, file)) == [("endpoint topic", False), ("policy topic", False)]
    live = ws.store.endpoints.get("topic")
    assert (live.version_id, live.keep_text) == (version.version_id, True)
    assert Schedules(ws.store.db).get("retrain", "topic").arguments["recipe"]["trainer"] == "lexical"
    before = ws.store.tasks.find("topic")
    assert apply_declaration(ws, file) == []
    assert ws.store.tasks.find("topic") == before


def test_a_name_changed_in_the_file_or_in_the_studio_keeps_its_votes(ws, folder):
    file = folder / "homegrown.toml"
    apply_declaration(ws, file)
    ids = {c.name: c.class_id for c in ws.store.tasks.find("topic").classes}
    file.write_text(GOOD.replace('name = "praise"', 'name = "other"\nwas = ["praise", "login"]'))
    assert "merged away: login" in apply_declaration(ws, file, dry_run=True)[0].says
    apply_declaration(ws, file)
    task = ws.store.tasks.find("topic")
    assert task.class_names == ("card", "refund", "other")
    assert task.meaning(ids["login"]) == (ids["praise"],)
    ws.rename_class("topic", "card", "plastic")
    assert "renamed: plastic to card" in apply_declaration(ws, file)[0].says
    assert ws.store.tasks.find("topic").one(ids["card"]).name == "card"


def test_a_task_of_a_column_alone_is_one_change(ws, folder):
    file = folder / "homegrown.toml"
    file.write_text(GOOD.partition("[tasks.topic]")[0] + '[tasks.topic]\ncolumn = "topic"\n', encoding="utf-8")
    apply_declaration(ws, file, dry_run=True)
    assert [c.what for c in apply_declaration(ws, file)] == ["source messages", "task topic"]
    assert ws.store.tasks.find("topic").class_names == ("card", "login", "refund")
    assert apply_declaration(ws, file) == []


def test_guidelines_of_a_file_are_kept_as_those_of_a_page(ws, folder):
    (folder / "how" / "topic.md").write_bytes(b"\xef\xbb\xbf# How\rLook\0 twice.\r\n")
    apply_declaration(ws, folder / "homegrown.toml")
    assert ws.store.tasks.find("topic").guidelines == "# How\nLook twice."
    assert [c for c in apply_declaration(ws, folder / "homegrown.toml") if c.do] == []


@pytest.mark.parametrize("every_s", [60.0, 90.0, 5400.0, 12 * 3600.0, 86400.0, 7 * 86400.0, 366 * 86400.0])
def test_a_period_is_written_as_it_is_read(every_s):
    assert every_seconds(every_text(every_s)) == every_s


def test_every_mistake_is_said_at_once_and_nothing_is_done(ws, folder):
    file = folder / "homegrown.toml"
    file.write_text(
        """
        homegrown = 2
        colour = "red"
        [sources.a]
        path = "nope.csv"
        [tasks.t]
        many = "yes"
        classes = [{name = "one", sayz = 1}, {description = 3}]
        [tasks.u]
        classes = [{name = "only"}]
        [tasks.v]
        classes = [{name = "a"}, {name = " a "}]
        [recipes.r]
        trainer = "pickle"
        [policies.p]
        retrain_every = "often"
        recipe = "none"
        margin = 7
        [policies.q]
        retrain_every = "often"
        recipe = "none"
        """
    )
    with pytest.raises(InputError) as caught:
        apply_declaration(ws, file)
    for part in (
        "homegrown = 1", "colour: there is no such part", "sources.a.path: 'nope.csv' is not there",
        "tasks.t.many", "tasks.t.classes[0]: there is no 'sayz'", "tasks.t.classes[1]: 'name' is missing",
        "tasks.t.classes[1].description", "tasks.u: one class alone", "tasks.v: the class 'a' is there twice",
        "recipes.r: there is no trainer 'pickle'", "policies.p.margin", "policies.q: retrain_every is written as",
        "policies.q: there is no recipe 'none'",
    ):  # fmt: skip
        assert part in caught.value.message, part
    assert ws.store.tasks.names() == []


@pytest.mark.parametrize(
    "path",
    [
        "../outside.md", "how/../../outside.md", "/etc/passwd", "//proc/self/root/etc/passwd", "~/x", "..\\outside.md",
        "C:\\x", "file:///etc/passwd", "http:///#/../../etc/passwd", "how/link.md", "linked/outside.md", "how", ".",
        "pipe", "%2e%2e%2foutside.md", "....//outside.md", "${HOME}/x", "a" * 199, "how/topic.md\\u0000.txt",
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["guidelines", "path"])
def test_no_file_outside_the_folder_is_ever_read(ws, folder, path, where):
    (folder / "how" / "link.md").symlink_to(folder.parent / "outside.md")
    (folder / "linked").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe")
    text = {
        "guidelines": f'homegrown = 1\n[tasks.t]\nguidelines = "{path if "u0000" in path else path.replace(chr(92), chr(92) * 2)}"',
        "path": f'homegrown = 1\n[sources.t]\npath = "{path if "u0000" in path else path.replace(chr(92), chr(92) * 2)}"',
    }[where]
    (folder / "homegrown.toml").write_text(text)
    with pytest.raises(InputError) as caught:
        apply_declaration(ws, folder / "homegrown.toml")
    assert CANARY not in caught.value.message
    assert ws.store.tasks.names() == []
    assert ws.store.records.count() == 0


@pytest.mark.parametrize("text", ["[", "a = " + "[" * 5000, "\xff".encode("latin-1"), "x" * (5 << 20), "= 1"])
def test_what_is_no_toml(folder, text):
    file = folder / "homegrown.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises((UnreadableFileError, InputError)):
        read_declaration(file)


def test_a_kind_that_differs_is_refused_before_anything_is_done(ws, folder):
    ws.task("mood", classes=["a", "b"])
    with pytest.raises(InputError, match="settled when a task is first asked"):
        apply_declaration(ws, folder / "homegrown.toml")
    assert ws.store.records.count() == 0


def test_what_is_here_is_written_and_applied_it_changes_nothing(ws, folder, tmp_path):
    apply_declaration(ws, folder / "homegrown.toml")
    ws.train(ws.snapshot(ws.store.tasks.find("topic")), Recipe("lexical"), "topic")
    apply_declaration(ws, folder / "homegrown.toml")
    ws.add_class("topic", 'odd "name" \\ # [x]', "d\n'''e\x7f", ["=", "ü"])
    paths = declare_workspace(ws, tmp_path / "out")
    assert [p.name for p in paths] == ["homegrown.toml", "2-topic.md"]
    assert apply_declaration(ws, tmp_path / "out" / "homegrown.toml") == []
    with pytest.raises(InputError, match="there already"):
        declare_workspace(ws, tmp_path / "out")


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20), min_size=2, max_size=4),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
)
def test_any_text_survives_the_way_there_and_back(tmp_path_factory, names, text):
    names = list({" ".join(n.split()): n for n in names if n.split()})
    if len({unicodedata.normalize("NFC", n) for n in names}) != len(names) or len(names) < 2:
        return
    found = tuple(TaskClass(f"c_{i}", unicodedata.normalize("NFC", n), text.replace("\r\n", "\n").replace("\0", "").strip())
                  for i, n in enumerate(names))  # fmt: skip
    task = Task("task_1", text.replace("\0", "") or "t", 1, TaskKind.CLASS, found)
    file = tmp_path_factory.mktemp("toml") / "homegrown.toml"
    file.write_text("homegrown = 1\n" + "\n".join(_task_lines(task, "x.md")), encoding="utf-8", newline="")
    (read,) = read_declaration(file).tasks.values()
    assert declared_task(task, read, None) is task


def test_from_a_terminal(folder, tmp_path):
    def run(*words):
        done = CliRunner().invoke(cli, ["govern", *words, "--workspace", str(tmp_path / "w")], catch_exceptions=False)
        return done.output

    file = str(folder / "homegrown.toml")
    assert "This would change:" in run("apply", file, "--dry-run")
    assert {c["what"] for c in json.loads(run("apply", file, "--json").splitlines()[-1])["changes"]} >= {"task topic"}
    assert "it waits for the model topic" in run("apply", file)
    assert "homegrown.toml" in run("declare", str(tmp_path / "out"))
