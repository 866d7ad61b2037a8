"""How a model of objects answers in an upstream's place: which fields it gives, and how they are written."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class By(StrEnum):
    """What a bound is about, and what is given at home.

    ``DOCUMENT``: of the documents given at most alpha differ in any field. ``FIELD``: of the fields given at most alpha
    differ; where not all of a document's are sure, the upstream is asked for the others alone, if the request has a
    schema, so that it can be.
    """

    DOCUMENT = "document"
    FIELD = "field"


class FieldForm(msgspec.Struct, frozen=True, kw_only=True):
    """How the upstream writes one field.

    Attributes:
        name: in its documents.
        field_id: of the model.
        style: how a value becomes JSON (``monitor.object_form``); empty for choices, which are spelt.
        spellings: JSON by the id of a choice, or ``true`` and ``false``.
        order: ids of choices, as they stand where there are several.
        brackets: what stands before, between and behind the values of a list.
        item: of a list of small objects.
        absent: JSON where it is not there; empty: its name is left out; None: it was never seen to be missing.
        trust: share of the upstream's values that stand in the text: nobody who copies can be right more often.
        exact: share of values that this writes to the letter as the upstream did.
    """

    name: str
    field_id: str
    style: str = ""
    spellings: dict[str, str] = {}
    order: tuple[str, ...] = ()
    brackets: tuple[str, str, str] = ("[", ", ", "]")
    item: ItemForm | None = None
    absent: str | None = None
    trust: float = 1.0
    exact: float = 1.0


class ItemForm(msgspec.Struct, frozen=True, kw_only=True):
    """How the upstream writes the small objects of a list; as ``ObjectExit`` has it of documents."""

    fields: tuple[FieldForm, ...]
    form: tuple[str, ...]
    order: tuple[str, ...]
    rest: str = ""


class FieldReading(msgspec.Struct, frozen=True, kw_only=True):
    """How values of a field stand in texts; see ``inference.candidates.Reading``."""

    day_first: bool | None = None
    decimal: str | None = None


class ObjectExit(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the upstream's documents.

    Attributes:
        fields: that the model gives.
        form: what stands round the values: one text more than there are names in *order*.
        order: names of the fields whose values change, as they stand in it.
        asked: those of them that only the upstream writes; with any, no document is given without it.
        rest: the other fields, which always say the same, as canonical JSON; empty without any.
        day_first: how 03/04/2026 is meant in its answers.
        reading: by field id, how values stand in texts.
    """

    by: By
    fields: tuple[FieldForm, ...]
    form: tuple[str, ...]
    order: tuple[str, ...]
    asked: tuple[str, ...] = ()
    rest: str = ""
    day_first: bool | None = None
    reading: dict[str, FieldReading] = {}
