"""Texts of a file of other software find their records, or become some."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from homegrown.core.ids import text_hash
from homegrown.core.records import ReadOptions
from homegrown.ingest import IngestRequest, import_file
from homegrown.label.exchange import Asides, Held, ImportedVotes
from homegrown.store.events import record_event
from homegrown.store.lance_tables import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from homegrown.core.protocols import Progress
    from homegrown.store import Store

#: ``label.formats.Example`` or ``label.span_exchange.SpanSaid``
Example = Any


def placed(
    store: Store, items: list[tuple[int, Example]], source: str, asides: Asides, progress: Progress
) -> tuple[Iterator[Held], int]:
    """The record of each item: one that other sources hold already, or one that is stored now."""
    hashes = [text_hash(example.text) for _, example in items]
    known = records_of(store, set(hashes), f"source NOT IN {quoted([source])}")
    turns = _turns(items, hashes)
    new: dict[tuple[str, int], Example] = {}
    for (_, example), h, turn in zip(items, hashes, turns, strict=True):
        if h not in known:
            new.setdefault((h, turn), example)
    n_added = 0
    if new:
        n_added = _store_new(store, list(new.values()), source, progress)
        for h, ids in records_of(store, set(hashes), f"source IN {quoted([source])}").items():
            known.setdefault(h, []).extend(ids)
    return _assigned(items, hashes, turns, known, asides), n_added


def _turns(items: list[tuple[int, Example]], hashes: list[str]) -> list[int]:
    """Which of several records with its text each item is about: its author's first item the first, and so on.

    Where a line holds one opinion, the lines of several authors are about one record.
    """
    seen: Counter[tuple[str, str]] = Counter()
    found = []
    for (_, example), h in zip(items, hashes, strict=True):
        who = example.opinions[0].author if len(example.opinions) == 1 else ""
        found.append(seen[h, who])
        seen[h, who] += 1
    return found


def _assigned(
    items: list[tuple[int, Example]], hashes: list[str], turns: list[int], known: dict[str, list[str]], asides: Asides
) -> Iterator[Held]:
    for (place, example), h, turn in zip(items, hashes, turns, strict=True):
        ids = known.get(h)
        if not ids:
            asides.add(place, "its text could not be stored")
            continue
        named = example.record_id if example.record_id in ids else ids[min(turn, len(ids) - 1)]
        yield Held(place, named, example.opinions)


def records_of(store: Store, hashes: Iterable[str], where: str | None = None) -> dict[str, list[str]]:
    """Ids of the current records with texts of these hashes, by hash; of those that match *where* if it is given."""
    wanted, found = pa.array(list(hashes), pa.string()), defaultdict(list)
    for batch in store.records.batches(["record_id", "text_hash"], where=where, rows=65536):
        some = batch.filter(pc.is_in(batch["text_hash"], value_set=wanted))
        for record_id, h in zip(some["record_id"].to_pylist(), some["text_hash"].to_pylist(), strict=True):
            found[h].append(record_id)
    return dict(found)


def _store_new(store: Store, examples: list[Example], source: str, progress: Progress) -> int:
    """The newest version of *source* holds exactly the file's texts that are not of other sources."""
    encoder = msgspec.json.Encoder()
    with tempfile.TemporaryDirectory(dir=store.layout.folder("tmp")) as folder:
        path = Path(folder) / "texts.jsonl"
        with path.open("wb") as file:
            for example in examples:
                fields = {k: v for k, v in example.fields.items() if k != "text"}
                file.write(encoder.encode({"text": example.text, **fields}) + b"\n")
        request = IngestRequest(path, "text", None, None, source, None, ReadOptions())
        return import_file(store, request, progress=progress).n_added


def told(store: Store, done: ImportedVotes, source: str) -> ImportedVotes:
    """*done*, once the log of what people did has it."""
    with store.db.write() as connection:
        record_event(
            connection, store.actor, "label.import", f"task:{done.task.task_id}", format=done.format, source=source,
            n_votes=done.n_votes, n_added=done.n_added, n_aside=done.n_aside,
        )  # fmt: skip
    return done
