"""``homegrown.toml``: what a workspace should hold, as a file that git can keep. Read and checked here, nothing done.

It names data, never code. Files that it names lie in its own folder or below: no absolute path, no ``..``, no link.
Everything that is wrong with it is said at once.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import msgspec

from homegrown import plugins
from homegrown.core.classes import MAX_EXAMPLES, MAX_GUIDELINES, MAX_NAME, MAX_TEXT, clean_name
from homegrown.errors import HomegrownError, InputError, UnreadableFileError
from homegrown.jobs.schedule import LEAST_S, MOST_S
from homegrown.workspace.retrain import MARGIN

FILE = "homegrown.toml"
FORMAT = 1
MAX_BYTES = 4 << 20
SHOWN = 50
_UNITS = {"w": 7 * 86400.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0}

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]


class ClassEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A class. ``was`` are names that it had: a change of name in the file is then a renaming, two of them a merge."""

    name: Name
    description: Text = ""
    examples: Annotated[list[Text], msgspec.Meta(max_length=MAX_EXAMPLES)] = msgspec.field(default_factory=list)
    was: list[Name] = msgspec.field(default_factory=list)


class TaskEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A task; ``guidelines`` names a Markdown file, ``column`` a field whose values vote."""

    classes: list[ClassEntry] = msgspec.field(default_factory=list)
    many: bool = False
    column: Name | None = None
    guidelines: Name | None = None


class SourceEntry(msgspec.Struct, forbid_unknown_fields=True):
    """A file to import."""

    path: Name
    text: Name | None = None
    label: Name | None = None
    id: Name | None = None


class RecipeEntry(msgspec.Struct, forbid_unknown_fields=True):
    """How to train; policies name it."""

    trainer: Name
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0
    options: dict[str, Any] = msgspec.field(default_factory=dict)


class EndpointEntry(msgspec.Struct, forbid_unknown_fields=True):
    """Which model answers under a name, and whether texts are kept."""

    model: Name
    keep_text: bool | None = None


class PolicyEntry(msgspec.Struct, forbid_unknown_fields=True):
    """How a model is kept fresh: how often, with which recipe, and what must not be lost."""

    retrain_every: Name
    margin: Annotated[float, msgspec.Meta(gt=0, lt=1)] = MARGIN
    slices: Annotated[list[Name], msgspec.Meta(max_length=20)] = msgspec.field(default_factory=list)
    recipe: Name | None = None


_SECTIONS: dict[str, type[msgspec.Struct]] = {
    "sources": SourceEntry,
    "tasks": TaskEntry,
    "recipes": RecipeEntry,
    "endpoints": EndpointEntry,
    "policies": PolicyEntry,
}


@dataclass(frozen=True, slots=True)
class Declaration:
    """A file that was found good.

    Attributes:
        guidelines: texts by task.
        files: where the sources lie, by name.
        offline: whether every way out is closed; None where the file does not say.
    """

    sources: dict[str, SourceEntry]
    tasks: dict[str, TaskEntry]
    recipes: dict[str, RecipeEntry]
    endpoints: dict[str, EndpointEntry]
    policies: dict[str, PolicyEntry]
    guidelines: dict[str, str]
    files: dict[str, Path]
    offline: bool | None = None


def read_declaration(path: str | Path) -> Declaration:
    """Read and check *path*.

    Raises:
        UnreadableFileError: it is no TOML.
        InputError: with every mistake, each with its place.

    Example:
        >>> read_declaration("homegrown.toml").tasks  # doctest: +SKIP
    """
    path = Path(path)
    document = _document(path)
    problems: list[str] = []
    if document.pop("homegrown", None) != FORMAT:
        problems.append(f"homegrown: the file begins with 'homegrown = {FORMAT}', its format")
    offline = document.pop("offline", None)
    if not isinstance(offline, bool | None):
        problems.append("offline: it is true or false")
    problems += [f"{name}: there is no such part" for name in document if name not in _SECTIONS]
    found: dict[str, dict[str, Any]] = {}
    for section, kind in _SECTIONS.items():
        entries = document.get(section, {})
        if not isinstance(entries, dict):
            problems.append(f"{section}: it is a table of names, as in [{section}.NAME]")
            entries = {}
        made = {name: _entry(kind, value, f"{section}.{name}", problems) for name, value in entries.items()}
        found[section] = {name: entry for name, entry in made.items() if entry is not None}
    guidelines, files = _read_files(path, found, problems)
    _check_tasks(found["tasks"], problems)
    _check_policies(found, problems)
    if problems:
        more = [f"and {len(problems) - SHOWN:,} more"] if len(problems) > SHOWN else []
        raise InputError(f"{path.name} is not right, and nothing was done: {'; '.join(problems[:SHOWN] + more)}.")
    return Declaration(guidelines=guidelines, files=files, offline=offline, **found)


def every_seconds(text: str) -> float | None:
    """A period as the file writes it: ``12h``, ``7d``, ``2w``, ``90m``; None when it is not understood.

    Example:
        >>> every_seconds("7d")
        604800.0
    """
    found = re.fullmatch(r"(\d{1,8})([wdhms])", text, re.ASCII)
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    return seconds if LEAST_S <= seconds <= MOST_S else None


def every_text(every_s: float) -> str:
    """A period as the file writes it, in the largest unit of which it is a whole number, but weeks.

    Example:
        >>> every_text(604800.0), every_text(5400.0)
        ('7d', '90m')
    """
    unit = next(u for u, s in _UNITS.items() if u != "w" and (every_s % s == 0 or u == "s"))
    return f"{round(every_s / _UNITS[unit])}{unit}"


def _document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise InputError(f"{path.name} is larger than the {MAX_BYTES >> 20} MB that are read.")
        return tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise UnreadableFileError(f"{path} cannot be read: {(error.strerror or 'unknown reason').lower()}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFileError(f"{path.name} is not TOML: {str(error).rstrip('.')}.") from error


def _entry(kind: type[msgspec.Struct], value: Any, where: str, problems: list[str]) -> Any:
    """*value* as *kind*; each field is tried by itself, so that one mistake does not hide the next."""
    if not isinstance(value, dict):
        problems.append(f"{where}: it is a table")
        return None
    fields = {f.name: f for f in msgspec.structs.fields(kind)}
    before = len(problems)
    problems += [
        f"{where}: there is no {name!r}; there are {', '.join(fields)}" for name in value if name not in fields
    ]
    good: dict[str, Any] = {}
    for name, field in fields.items():
        if name not in value:
            if field.required:
                problems.append(f"{where}: {name!r} is missing")
        elif kind is TaskEntry and name == "classes" and isinstance(value[name], list):
            one = [_entry(ClassEntry, c, f"{where}.classes[{i}]", problems) for i, c in enumerate(value[name])]
            good[name] = [c for c in one if c is not None]
        else:
            try:
                good[name] = msgspec.convert(value[name], field.type)
            except msgspec.ValidationError as error:
                problems.append(f"{where}.{name}: {str(error)[0].lower()}{str(error)[1:]}")
    return kind(**good) if len(problems) == before else None


def _check_tasks(tasks: dict[str, TaskEntry], problems: list[str]) -> None:
    for name, task in tasks.items():
        seen: set[str] = set()
        for one in task.classes:
            try:
                clean = clean_name(one.name)
            except HomegrownError as error:
                problems.append(f"tasks.{name}: {error.message.rstrip('.')}")
                continue
            if clean in seen:
                problems.append(f"tasks.{name}: the class {clean!r} is there twice")
            seen.add(clean)
        if len(task.classes) == 1:
            problems.append(f"tasks.{name}: one class alone asks nothing; name two, or none to begin with")


def _check_policies(found: dict[str, dict[str, Any]], problems: list[str]) -> None:
    known = plugins.names("homegrown.trainers")
    for name, recipe in found["recipes"].items():
        if recipe.trainer not in known:
            problems.append(f"recipes.{name}: there is no trainer {recipe.trainer!r}; there are {', '.join(known)}")
    for name, policy in found["policies"].items():
        if every_seconds(policy.retrain_every) is None:
            problems.append(f"policies.{name}: retrain_every is written as 12h, 7d or 2w, a minute to a year")
        if policy.recipe is not None and policy.recipe not in found["recipes"]:
            problems.append(f"policies.{name}: there is no recipe {policy.recipe!r} in this file")


def _read_files(
    path: Path, found: dict[str, dict[str, Any]], problems: list[str]
) -> tuple[dict[str, str], dict[str, Path]]:
    guidelines, files = {}, {}
    for name, task in found["tasks"].items():
        if task.guidelines is not None:
            try:
                guidelines[name] = _text_below(path.parent, task.guidelines)
            except InputError as error:
                problems.append(f"tasks.{name}.guidelines: {error.message.rstrip('.')}")
    for name, source in found["sources"].items():
        try:
            os.close(_open_below(path.parent, source.path))
            files[name] = path.parent / source.path
        except InputError as error:
            problems.append(f"sources.{name}.path: {error.message.rstrip('.')}")
    return guidelines, files


def _text_below(folder: Path, name: str) -> str:
    with os.fdopen(_open_below(folder, name), "rb") as file:
        found = file.read(4 * MAX_GUIDELINES + 1)
    try:
        text = found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name!r} is not text in UTF-8") from error
    if len(text) > MAX_GUIDELINES:
        raise InputError(f"{name!r} has more than the {MAX_GUIDELINES:,} characters that guidelines may have")
    return text


def _open_below(folder: Path, name: str) -> int:
    """An opened file in *folder* or below it, each step without following a link.

    Raises:
        InputError: the name leads out of the folder, through a link, or to no plain file.
    """
    parts = PurePosixPath(name).parts
    if not parts or "\\" in name or "\0" in name or ":" in name or parts[0] in ("/", "//", "~") or ".." in parts:
        raise InputError(f"{name[:80]!r} is not a file in the folder of {FILE}, written with slashes")
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | (0 if last else os.O_DIRECTORY)
            after = os.open(part, flags, dir_fd=at)
            os.close(at)
            at = after
        if not stat.S_ISREG(os.fstat(at).st_mode):
            raise InputError(f"{name[:80]!r} is no plain file")
    except OSError as error:
        os.close(at)
        raise InputError(f"{name[:80]!r} is not there, or is a link") from error
    except InputError:
        os.close(at)
        raise
    return at
