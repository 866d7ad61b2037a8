"""Take a model elsewhere: a folder that sentence-transformers and transformers load, and an ONNX file, both checked.

The folder ends in a Dense module whose output are the logits, so that ``SentenceTransformer(folder).encode(texts)``
gives what the head gives; ``AutoModel.from_pretrained(folder)`` gives the encoder. Nothing of homegrown is needed.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import onnxruntime
from safetensors.numpy import save_file

from homegrown.errors import ConflictError, CorruptDataError
from homegrown.inference.encoder import Encoder
from homegrown.inference.encoder_choice import SAMPLE
from homegrown.inference.encoder_folder import open_folder
from homegrown.inference.encoder_tokens import Tokens
from homegrown.inference.export_onnx import write_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.inference.encoder_folder import EncoderFolder

LEAST_COSINE = 0.999
KEPT = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")


@dataclass(frozen=True, slots=True)
class Head:
    """The linear part of a model over normalised vectors.

    Attributes:
        weight: float32 [dim, n_classes], already divided by the temperature.
        bias: float32 [n_classes], likewise.
        class_names: in that order.
        multi: classes answered one by one.
    """

    weight: np.ndarray
    bias: np.ndarray
    class_names: tuple[str, ...]
    multi: bool = False


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written, and how it was checked.

    Attributes:
        least_cosine: of the ONNX file's embeddings to ours, over ``n_checked`` texts.
        same_answers: share of those texts whose best class agrees; 1.0 without a head.
    """

    folder: Path
    files: tuple[str, ...]
    n_checked: int
    least_cosine: float
    same_answers: float


def export_model(encoder_folder: Path, target: Path, head: Head | None = None) -> ExportReport:
    """Write *target*, which must not exist, and compare it with what we answer.

    Args:
        encoder_folder: the encoder's own folder.
        target: the folder to make; it appears only when all in it was checked.
        head: the classifier on top; without it the encoder alone is exported.

    Raises:
        ConflictError: *target* exists.
        CorruptDataError: the exported file does not answer as we do; nothing is left behind.
    """
    if target.exists():
        raise ConflictError(f"{target} exists already. Name a new folder for the export.")
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write(encoder_folder, partial, head)
        cosine, same = _check(open_folder(encoder_folder), partial, head)
        if cosine < LEAST_COSINE or same < 1.0:
            raise CorruptDataError(
                f"The export answers otherwise than the model (cosine {cosine:.5f}); it was removed."
            )
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    files = sorted(str(p.relative_to(target)) for p in target.rglob("*") if p.is_file())
    return ExportReport(target, tuple(files), len(SAMPLE), cosine, same)


def _write(source: Path, target: Path, head: Head | None) -> None:
    folder = open_folder(source)
    for name in (*KEPT, "model.safetensors"):
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    _put(target / "sentence_bert_config.json", {"max_seq_length": folder.max_tokens, "do_lower_case": False})
    modes = {f"pooling_mode_{m}": m.startswith(folder.pooling) for m in ("cls_token", "mean_tokens")}
    dim = int(folder.config["hidden_size"])
    parts = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    _put(target / "1_Pooling" / "config.json", {"word_embedding_dimension": dim} | modes)
    (target / "2_Normalize").mkdir()
    if head is not None:
        parts.append(("Dense", "3_Dense"))
        facts = {"in_features": dim, "out_features": len(head.bias), "bias": True}
        _put(target / "3_Dense" / "config.json", facts | {"activation_function": "torch.nn.modules.linear.Identity"})
        weights = {"linear.weight": np.ascontiguousarray(head.weight.T), "linear.bias": np.ascontiguousarray(head.bias)}
        save_file(weights, target / "3_Dense" / "model.safetensors")
        _put(target / "classes.json", {"class_names": head.class_names, "multi": head.multi})
    types = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (kind, path) in enumerate(parts)
    ]
    _put(target / "modules.json", types)
    pair = None if head is None else (head.weight, head.bias)
    write_onnx(folder, target / "model.onnx", pair, multi=bool(head and head.multi))


def _check(folder: EncoderFolder, target: Path, head: Head | None) -> tuple[float, float]:
    """Least cosine and share of equal answers of the ONNX file, run in one padded batch, to the encoder in float32."""
    session = onnxruntime.InferenceSession(str(target / "model.onnx"), providers=["CPUExecutionProvider"])
    windows = Tokens(folder).windows(list(SAMPLE))[0]
    ids = np.zeros((len(windows), max(map(len, windows))), np.int64)
    mask = np.zeros_like(ids)
    for i, window in enumerate(windows):
        ids[i, : len(window)], mask[i, : len(window)] = window, 1
    found = session.run(None, {"input_ids": ids, "attention_mask": mask})
    vectors = Encoder(folder, "fp32").encode(list(SAMPLE))
    cosine = float((found[0] * vectors).sum(1).min())
    if head is None:
        return cosine, 1.0
    return cosine, float((found[1].argmax(1) == (vectors @ head.weight + head.bias).argmax(1)).mean())


def _put(path: Path, value: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
