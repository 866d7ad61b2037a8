"""The options of a recipe: typed, complete, and refused all at once when wrong."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from homegrown.errors import InputError

T = TypeVar("T")


def parse_options(kind: type[T], trainer: str, options: dict[str, Any]) -> T:
    """*options* as the frozen dataclass *kind*, whose defaults stand for what is not given.

    Raises:
        InputError: naming every unknown option and every value of the wrong type, and what there is.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Options:
        ...     epochs: int = 3
        >>> parse_options(Options, "finetune", {"epochs": 4})
        Options(epochs=4)
    """
    fields = {f.name: f for f in msgspec.structs.fields(kind)} if issubclass(kind, msgspec.Struct) else None
    known = fields or kind.__dataclass_fields__  # type: ignore[attr-defined]
    problems = [f"there is no option {name!r}" for name in options if name not in known]
    for name, value in options.items():
        if name in known:
            try:
                msgspec.convert({name: value}, kind)
            except msgspec.ValidationError as error:
                problems.append(f"{name}: {error}")
    if problems:
        names = ", ".join(known) or "none"
        raise InputError(f"The recipe {trainer} cannot be run: {'; '.join(problems)}. Its options: {names}.")
    return msgspec.convert(options, kind)
