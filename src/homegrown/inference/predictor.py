"""Loads the bundle of any kind of model and answers in batches.

A bundle's ``model.json`` says ``{"kind": …, "class_names": […], "multi": false, "threshold": 0.x, …}``; the rest of
its files belong to that kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from homegrown.errors import CorruptDataError, UnsuitableLabelsError
from homegrown.inference.encoder import Encoder as LocalEncoder
from homegrown.inference.fields import FieldsModel
from homegrown.inference.finetuned import FinetunedModel
from homegrown.inference.lexical import LexicalModel
from homegrown.inference.linear import LinearModel
from homegrown.inference.span_models import load_span_model
from homegrown.inference.static import StaticModel
from homegrown.inference.views import ViewsModel

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.core.protocols import Encoder, Predictor

Kind = type[LinearModel] | type[LexicalModel] | type[FinetunedModel] | type[StaticModel] | type[ViewsModel]
KINDS: dict[str, Kind] = {k.kind: k for k in (LexicalModel, StaticModel, LinearModel, ViewsModel, FinetunedModel)}


def load_predictor(folder: Path, encoder: Encoder | None = None) -> Predictor:
    """The model in *folder*, ready to answer.

    Args:
        folder: a checked bundle (``BundleStore.open``).
        encoder: a loaded frozen encoder to share between models; loaded when needed and not given.
    """
    facts = msgspec.json.decode((folder / "model.json").read_bytes())
    if facts.get("kind") == FieldsModel.kind:
        raise UnsuitableLabelsError(
            "The answers of this model are objects; this is for models that answer with classes."
        )
    kind = KINDS.get(facts.get("kind", ""))
    if kind is None:
        raise CorruptDataError(f"This model is of kind {facts.get('kind')!r}; this homegrown loads {', '.join(KINDS)}.")
    return kind.load(folder, encoder)


def load_object_predictor(folder: Path, encoder: Encoder | None = None) -> FieldsModel:
    """The model in *folder*, whose answers are objects.

    Args:
        folder: a checked bundle.
        encoder: as for ``load_predictor``.

    Raises:
        CorruptDataError: it is none, or it is damaged.
    """
    facts = msgspec.json.decode((folder / "model.json").read_bytes())
    if facts.get("kind") != FieldsModel.kind:
        raise CorruptDataError(
            f"This model is of kind {facts.get('kind')!r}; objects are answered by {FieldsModel.kind}."
        )
    local = encoder if isinstance(encoder, LocalEncoder) else None
    return FieldsModel.load(
        folder, lambda part: load_predictor(part, encoder), lambda part: load_span_model(part, local)
    )
