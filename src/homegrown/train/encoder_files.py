"""A trained encoder as a folder that plain transformers and sentence-transformers load."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from safetensors.torch import save_file

if TYPE_CHECKING:
    from pathlib import Path

    from homegrown.train.encoder_net import EncoderNet

WEIGHTS = "model.safetensors"
LEFT_BEHIND = {WEIGHTS, "README.md", ".gitattributes", "data_config.json"}


def write_encoder(net: EncoderNet, base: Path, target: Path) -> Path:
    """Copy what describes the encoder from *base*, write the weights that *net* has now; returns *target*."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in base.iterdir():
        if path.name in LEFT_BEHIND:
            continue
        if path.is_dir():
            shutil.copytree(path, target / path.name)
        else:
            shutil.copyfile(path, target / path.name)
    tensors = {name: tensor.detach().contiguous() for name, tensor in net.model.state_dict().items()}
    save_file(tensors, target / WEIGHTS, metadata={"format": "pt"})
    return target
