"""How the numeric libraries use the cores while a server answers."""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits

from homegrown.inference.encoder_native import library


def settle_threads() -> None:
    """Keep PyTorch and BLAS to one thread where the integer kernel, which brings its own threads, does the heavy part.

    What is left for them then are small operations; their thread pools would spin between them and take the cores from
    the event loop. Call it in the thread that answers.
    """
    if library() is not None:
        torch.set_num_threads(1)
        threadpool_limits(1, user_api="blas")
