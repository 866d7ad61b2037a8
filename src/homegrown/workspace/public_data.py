"""The data of demos and benchmarks: a folder, else its public address by checksum, else our own small set.

``HOMEGROWN_DATA`` names a folder that holds ``banking77/train.csv`` and so on. Otherwise each file is fetched once from
its pinned commit into the user's cache and refused when its SHA-256 differs. Without a network the set that we write
ourselves is used, and it is said so.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from homegrown.core.upstreams import origin_of
from homegrown.errors import CorruptDataError, UpstreamError
from homegrown.inference.in_loop import in_loop
from homegrown.inference.outbound import Limits, Outbound, Reply
from homegrown.store.files import write_atomic

COMMIT = "57ec275d8078af65b7731c2a98be812d844a6d6b"
BANKING77 = f"https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/{COMMIT}/banking_data/"
FILES = {
    "banking77/train.csv": (
        BANKING77 + "train.csv",
        "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b",
    ),
    "banking77/test.csv": (BANKING77 + "test.csv", "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d"),
}
LARGEST_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class DemoData:
    """A training file, perhaps a test file, the names of their columns, and who is to be thanked."""

    train: Path
    test: Path | None
    text: str
    label: str
    name: str
    question: str
    credit: str


def demo_data(*, is_offline: bool = False) -> DemoData:
    """Banking77 if it can be had, else our own messages to a support desk.

    Args:
        is_offline: nothing is fetched; ``HOMEGROWN_OFFLINE`` says the same.
    """
    train, test = (public_file(f"banking77/{name}.csv", is_offline=is_offline) for name in ("train", "test"))
    if train and test:
        credit = (
            "Banking77: 10,003 questions to an online bank, 77 intents. Casanueva et al. 2020, "
            "“Efficient Intent Detection with Dual Sentence Encoders”, CC BY 4.0."
        )
        question = "Where is my new card? I ordered it a week ago."
        return DemoData(train, test, "text", "category", "banking", question, credit)
    own = examples_folder() / "support-desk" / "messages.csv"
    credit = "No network: this is our own small set, invented messages to a support desk (examples/support-desk, CC0)."
    question = "My parcel should have been here on Monday. Where is it?"
    return DemoData(own, None, "message", "intent", "support", question, credit)


def receipts_file() -> Path | None:
    """The receipts of SROIE in the folder ``HOMEGROWN_DATA``; None without. They are fetched from nowhere."""
    folder = os.environ.get("HOMEGROWN_DATA")
    file = Path(folder) / "receipts_sroie" / "receipts.jsonl.gz" if folder else None
    return file if file is not None and file.is_file() else None


def examples_folder() -> Path:
    """Where the examples lie: beside the source in a checkout, inside the package when installed."""
    checkout = Path(__file__).parents[3] / "examples"
    return checkout if checkout.is_dir() else Path(__file__).parents[1] / "examples"


def public_file(name: str, *, is_offline: bool = False) -> Path | None:
    """One file of ``FILES``: from ``HOMEGROWN_DATA``, from the cache, or fetched; None when it cannot be had."""
    folder = os.environ.get("HOMEGROWN_DATA")
    if folder and (Path(folder) / name).is_file():
        return Path(folder) / name
    address, checksum = FILES[name]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homegrown" / name
    if cache.is_file() and hashlib.sha256(cache.read_bytes()).hexdigest() == checksum:
        return cache
    content = None if is_offline else _fetch(address)
    if content is None:
        return None
    if hashlib.sha256(content).hexdigest() != checksum:
        raise CorruptDataError(f"{address} is not the file that was published (its checksum differs). It was not kept.")
    cache.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomic(cache, content)
    return cache


def _fetch(address: str) -> bytes | None:
    origin = origin_of(address)
    limits = Limits(connect_s=10.0, silence_s=10.0, total_s=300.0, read_bytes=LARGEST_BYTES)

    async def get() -> Reply:
        async with Outbound((origin,), limits).open() as out:
            return await out.send("GET", origin, "/" + address.split("/", 3)[3])

    try:
        reply = in_loop(get)
    except UpstreamError:
        return None
    return reply.body if reply.status == HTTPStatus.OK else None
