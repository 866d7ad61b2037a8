"""Names of fields: another name is the same field, and an old name means it until another field takes it."""

from dataclasses import replace

import pytest

from homegrown.core.choices import TaskClass
from homegrown.core.field_names import by_any_name, find_field, owned, rename_field
from homegrown.core.json_schema import json_schema
from homegrown.core.schema import Field, FieldType, told_changes
from homegrown.core.tasks import Task, TaskKind
from homegrown.errors import ConflictError, HomegrownError, InputError, NotFoundError


def kind(*choices):
    return Field("", "kind", FieldType.CHOICE, choices=tuple(TaskClass("", c) for c in choices))


def lines(*inner):
    return Field("", "lines", FieldType.LIST, fields=tuple(Field("", n, FieldType.NUMBER) for n in inner))


SUM = Field("", "sum", FieldType.MONEY)
SAID = (SUM, Field("", "day", FieldType.DATE), kind("bill", "offer"), lines("n", "price"))


class Desk:
    """A task with its versions, as the store keeps them."""

    def __init__(self, *fields):
        self.versions = [Task("task_a", "receipt", 0, TaskKind.OBJECT, ())]
        self.define(*fields)

    @property
    def task(self):
        return self.versions[-1]

    def define(self, *fields):
        earlier = [f for task in reversed(self.versions) for f in task.fields]
        self.versions.append(replace(self.task, fields=owned(fields, self.task, earlier)))
        return self.task

    def rename(self, which, name):
        self.versions.append(rename_field(self.task, which, name))
        return self.task

    def id(self, which):
        return find_field(self.task, which)[0].field_id


def test_another_name_is_the_same_field_with_its_choices_and_rows():
    desk = Desk(*SAID)
    before = {f.field_id: f for one in desk.task.fields for f in (one, *one.fields)}
    for which, name in (("sum", "total"), ("kind", "type"), ("lines", "items"), ("items.price", "cost")):
        desk.rename(which, name)
    after = {f.field_id: f for one in desk.task.fields for f in (one, *one.fields)}
    assert after.keys() == before.keys()
    assert [f.name for f in desk.task.fields] == ["total", "day", "type", "items"]
    assert desk.task.fields[2].choices == next(f for f in before.values() if f.name == "kind").choices
    assert desk.id("items.cost") == desk.id("lines.price") == desk.id("items.price")
    assert list(json_schema(desk.task.fields)["properties"]) == ["total", "day", "type", "items"]
    assert desk.rename("total", "total") is desk.versions[-2], "nothing changes"
    assert desk.rename(desk.id("total"), "sum").fields[0].former == ("total",), "and back, by its id"


def test_a_notebook_that_is_run_again_takes_no_renaming_back():
    desk = Desk(*SAID)
    renamed = desk.rename("sum", "total").fields
    assert desk.define(*SAID).fields == renamed
    notes = told_changes(renamed, desk.task.fields, [f.name for f in SAID])
    assert notes == ("“sum” is called “total” here since somebody renamed it, and stays so.",)
    assert desk.define(*(replace(f, name="total") if f is SUM else f for f in SAID)).fields == renamed
    assert told_changes(renamed, desk.task.fields, ["total"]) == ()


def test_a_new_field_under_an_old_name_is_another_one_and_the_name_means_it():
    desk = Desk(SUM)
    first = desk.id("sum")
    desk.rename("sum", "total")
    desk.define(replace(SUM, name="total"), SUM)
    assert desk.id("total") == first
    second = desk.id("sum")
    assert second != first
    assert desk.task.fields[0].former == ()
    assert by_any_name(desk.task.fields)["sum"].field_id == second
    desk.define(replace(SUM, name="total"))
    desk.define(replace(SUM, name="total"), SUM)
    assert desk.id("sum") == second, "what went and came back is the same"
    desk.define(replace(SUM, name="total"), Field("", "sum", FieldType.DATE))
    assert desk.id("sum") not in (first, second), "a date is another field"
    ids = {f.field_id for task in desk.versions for f in task.fields}
    assert len(ids) == 3


def test_what_goes_from_a_renamed_field_comes_back_as_it_was():
    desk = Desk(kind("bill", "offer"), lines("n", "price"))
    offer, price = desk.task.fields[0].choices[1].class_id, desk.id("lines.price")
    desk.rename("kind", "type")
    desk.rename("lines", "items")
    for fields in ((kind("bill"), lines("n")), (kind("bill", "offer"), lines("n", "price"))):
        desk.define(*(replace(f, name={"kind": "type", "lines": "items"}[f.name]) for f in fields))
    assert desk.task.fields[0].choices[1].class_id == offer
    assert desk.id("items.price") == price


@pytest.mark.parametrize(
    ("which", "name", "kind", "says"),
    [
        ("sum", "day", ConflictError, "The task 'receipt' has a field 'day' already."),
        ("lines.n", "price", ConflictError, "“lines” has a field 'price' already."),
        ("nope", "x", NotFoundError, "has no field 'nope'. Fields: sum, day, kind, lines, lines.n, lines.price."),
        ("lines.nope", "x", NotFoundError, "has no field 'lines.nope'"),
        ("day.n", "x", NotFoundError, "has no field 'day.n'"),
        ("sum", "", InputError, "a letter and then letters, digits or _"),
        ("sum", "2nd", InputError, "a letter and then letters, digits or _"),
        ("sum", "a b", InputError, "a letter and then letters, digits or _"),
        ("sum", "a.b", InputError, "a letter and then letters, digits or _"),
        ("sum", "total\n", InputError, "a letter and then letters, digits or _"),
        ("sum", "<img src=x>", InputError, "a letter and then letters, digits or _"),
        ("sum", "tot\u202eal", InputError, "a letter and then letters, digits or _"),
        ("sum", "x" * 81, InputError, "up to 80"),
        ("lines.n", "a/b", InputError, "a letter and then letters, digits or _"),
    ],
)
def test_names_that_cannot_be_are_refused_in_one_sentence(which, name, kind, says):
    desk = Desk(*SAID)
    with pytest.raises(kind) as refused:
        desk.rename(which, name)
    assert says in refused.value.message
    assert refused.value.message.count("\n") == 0


def test_a_task_of_classes_has_no_field():
    with pytest.raises(HomegrownError, match="is answered with classes; it has no fields"):
        rename_field(Task("t", "mood", 1, TaskKind.CLASS, ()), "a", "b")
