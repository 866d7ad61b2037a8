"""From a model's bundle to what ``export_model`` needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
from safetensors.numpy import load_file

from homegrown.errors import InputError
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.export import ExportReport, Head, export_model

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("linear", "finetune")


def export_bundle(bundle: Path, target: Path) -> ExportReport:
    """Write the model in *bundle* to the new folder *target*; see ``export_model``.

    Raises:
        InputError: the model is no encoder with a linear head.
    """
    facts = msgspec.json.decode((bundle / "model.json").read_bytes())
    if facts.get("kind") not in KINDS:
        raise InputError(
            f"A {facts.get('kind')} model cannot be exported: only {' and '.join(KINDS)} have a form others load."
        )
    own = bundle / "encoder"
    return export_model(own if own.is_dir() else bundled_folder(), target, _head(bundle, facts))


def _head(bundle: Path, facts: dict) -> Head:
    """The head with its temperature divided in; a column for "none of these" becomes a class of that name."""
    arrays, readout = load_file(bundle / "head.safetensors"), facts["readout"]
    temperature = np.float32(readout["temperature"])
    names = (*facts["class_names"], *(["none of these"] if readout["none_column"] else []))
    return Head(arrays["weight"] / temperature, arrays["bias"] / temperature, names, facts["multi"])
