"""Classes are added, renamed, merged, split, removed and restored in any order, and no vote is lost or counted twice."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homegrown.core import classes
from homegrown.core.models import OUT_OF_SCOPE
from homegrown.core.tasks import Task, TaskClass, TaskKind
from homegrown.errors import ConflictError, InputError, NotFoundError

NAMES = [f"class {letter}" for letter in "abcdefgh"]


def task_of(*names, kind=TaskKind.CLASS):
    return classes.declare(Task("task_1", "t", 0, kind, ()), names)


def ids_of(task, *names):
    return {c.class_id for c in task.classes if c.name in names}


class Oracle:
    """The slow and obvious way: every vote carries what it means, and each change rewrites them all."""

    def __init__(self, task):
        self.task, self.votes, self.at = task, [], {}
        self.keep()

    def keep(self):
        self.at[self.task.version] = (self.task, len(self.votes), [set(means) for _, means in self.votes])

    def vote(self, class_id):
        self.votes.append((class_id, {class_id}))
        self.keep()

    def become(self, task, gone, now):
        """The classes *gone* are *now* from here on."""
        self.task = task
        for number, (voted, means) in enumerate(self.votes):
            if means & gone:
                self.votes[number] = (voted, (means - gone) | now)
        self.keep()

    def go_back(self, task, version):
        old, n_then, means_then = self.at[version]
        present = self.task
        self.task = task
        for number, (voted, _) in enumerate(self.votes):
            if number < n_then:
                self.votes[number] = (voted, set(means_then[number]))
                continue
            self.votes[number] = (voted, self.then(old, present, voted))
        self.keep()

    def then(self, old, present, class_id):
        """What a vote given after the version *old* means once that is restored: itself, or what it came from."""
        if class_id in old.class_ids or class_id in old.moved:
            return set(old.meaning(class_id))
        if class_id in present.class_ids:
            return {k for k in old.class_ids if class_id in present.meaning(k)}
        return {k for one in present.moved.get(class_id, ()) for k in self.then(old, present, one)}

    def check(self):
        for voted, means in self.votes:
            assert set(self.task.meaning(voted)) == means


def step(data, oracle):
    task = oracle.task
    kinds = ["vote", "add"] + ["rename", "describe"] * bool(task.classes)
    kinds += ["merge", "split", "remove", "restore"] * (len(task.classes) > 1)
    kind = data.draw(st.sampled_from(kinds))
    free = [n for n in NAMES if n not in task.class_names]
    pick = st.sampled_from(task.class_ids) if task.classes else st.nothing()
    if kind == "vote" and task.classes:
        oracle.vote(data.draw(pick))
    elif kind == "add" and free:
        oracle.become(classes.add_class(task, data.draw(st.sampled_from(free))), set(), set())
    elif kind == "rename" and free:
        oracle.become(classes.rename_class(task, data.draw(pick), data.draw(st.sampled_from(free))), set(), set())
    elif kind == "describe":
        oracle.become(classes.describe_class(task, data.draw(pick), data.draw(st.text(max_size=9))), set(), set())
    elif kind == "merge":
        _merge(data, oracle, free)
    elif kind == "split" and len(free) > 1:
        which = data.draw(pick)
        if len(task.one(which).former) < 6:
            new = classes.split_class(task, which, data.draw(st.lists(st.sampled_from(free), min_size=2, unique=True)))
            oracle.become(new, {which}, set(new.class_ids) - set(task.class_ids))
    elif kind == "remove":
        which = data.draw(pick)
        oracle.become(classes.remove_class(task, which), {which}, set())
    elif kind == "restore":
        version = data.draw(st.sampled_from(sorted(oracle.at)))
        oracle.go_back(classes.restore(task, oracle.at[version][0]), version)


def _merge(data, oracle, free):
    task = oracle.task
    which = data.draw(st.lists(st.sampled_from(task.class_ids), min_size=2, max_size=3, unique=True))
    if free and data.draw(st.booleans()):
        new = classes.merge_classes(task, which, data.draw(st.sampled_from(free)))
        oracle.become(new, set(which), set(new.class_ids) - set(task.class_ids))
    else:
        new = classes.merge_classes(task, which[1:], which[0])
        oracle.become(new, set(which[1:]), {which[0]})


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_vote_is_lost_or_miscounted(data):
    oracle = Oracle(task_of("class a", "class b", "class c"))
    for _ in range(data.draw(st.integers(1, 14))):
        step(data, oracle)
        task = oracle.task
        oracle.check()
        assert len(set(task.class_ids)) == len(task.classes) == len(set(task.class_names))
        assert not set(task.class_ids) & set(task.moved), "a class that is there never means another"
        assert task.meanings().keys() >= {*task.class_ids, *task.moved}


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_every_name_that_a_column_may_still_use_leads_to_a_class(data):
    oracle = Oracle(task_of("class a", "class b", "class c"))
    for _ in range(data.draw(st.integers(1, 12))):
        step(data, oracle)
        task = oracle.task
        for one in task.classes:
            for name in (one.name, *one.former):
                voted = task.voted_id(name)
                assert voted is not None
                assert set(task.meaning(voted)) == set(task.named(name))
            assert task.named(one.name) == (one.class_id,)


def test_undo_is_a_new_version_and_so_is_redo():
    first = task_of("a", "b")
    split = classes.split_class(first, "a", ["a1", "a2"])
    back = classes.restore(split, first)
    assert (back.version, back.classes) == (3, first.classes)
    part = next(iter(ids_of(split, "a1")))
    assert back.meaning(part) == tuple(ids_of(first, "a"))
    again = classes.restore(back, split)
    assert again.classes == split.classes
    assert set(again.meaning(*ids_of(first, "a"))) == ids_of(split, "a1", "a2")
    assert again.meaning(part) == (part,)
    assert classes.restore(again, again) is again


def test_a_new_class_under_an_old_name_does_not_inherit_votes():
    first = task_of("card", "refund")
    (old,) = ids_of(first, "card")
    renamed = classes.rename_class(first, "card", "card arrival")
    new = classes.add_class(renamed, "card")
    assert ids_of(new, "card") != {old}
    assert new.meaning(old) == tuple(ids_of(new, "card arrival"))
    assert new.named("card") == tuple(ids_of(new, "card")), "the name now means the new one"
    gone = classes.add_class(classes.remove_class(first, "card"), "card")
    assert gone.meaning(old) == ()


def test_out_of_scope_and_unknown_ids_mean_what_they_did():
    task = task_of("a", "b")
    assert task.meaning(OUT_OF_SCOPE) == (OUT_OF_SCOPE,)
    assert task.meaning("c_never") == ()
    assert task.said({"classes": [*ids_of(task, "a"), "c_never"]}) == [tuple(ids_of(task, "a"))]
    assert task.said({"class": None}) == []


def test_mappings_that_point_in_a_circle_end():
    task = Task("t", "t", 1, TaskKind.CLASS, (TaskClass("c_a", "a"),), moved={"x": ("y",), "y": ("x", "c_a")})
    assert task.meaning("x") == ("c_a",)


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        (lambda t: classes.add_class(t, "a"), ConflictError, "has a class 'a' already"),
        (lambda t: classes.add_class(t, "  "), InputError, "needs a name"),
        (lambda t: classes.add_class(t, "x" * 201), InputError, "200 are the most"),
        (lambda t: classes.add_class(t, "a\x00b"), InputError, "cannot be shown"),
        (lambda t: classes.add_class(t, "x", examples=["e" * 5000]), InputError, "at most 4,000"),
        (lambda t: classes.add_class(t, "x", examples=[str(i) for i in range(51)]), InputError, "at most 50"),
        (lambda t: classes.rename_class(t, "a", "b"), ConflictError, "already"),
        (lambda t: classes.rename_class(t, "nope", "x"), NotFoundError, "no class 'nope'. Classes: a, b, c"),
        (lambda t: classes.merge_classes(t, ["a"], "a"), InputError, "two classes that differ"),
        (lambda t: classes.merge_classes(t, ["a"], "new"), InputError, "two classes that differ"),
        (lambda t: classes.merge_classes(t, ["a", "nope"], "b"), NotFoundError, "nope"),
        (lambda t: classes.split_class(t, "a", ["x", " x "]), InputError, "at least two names"),
        (lambda t: classes.split_class(t, "a", ["a", "x"]), InputError, "a name of its own"),
        (lambda t: classes.split_class(t, "a", ["b", "x"]), ConflictError, "already"),
        (
            lambda t: classes.find_class(classes.split_class(t, "a", ["x", "y"]), "a"),
            NotFoundError,
            "was split into 'x', 'y'",
        ),
    ],
)
def test_changes_that_cannot_be_made(change, kind, says):
    with pytest.raises(kind, match=says):
        change(task_of("a", "b", "c"))
