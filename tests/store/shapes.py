"""Small workspaces as each release stored them, so that every later one proves that it opens them.

``python -m tests.store.shapes`` makes the shape of the newest migration anew: the database as SQL text, which can be
read and compared, the other files packed, and what must be found in them. A shape of a migration that was released is
never made again. A migration that is not released yet may be edited; then run it once more.
"""

from __future__ import annotations

import base64
import io
import json
import shutil
import sqlite3
import tarfile
import tempfile
from pathlib import Path

from homegrown.core.models import Recipe
from homegrown.store.migrate import migrations
from homegrown.workspace import Workspace, connect

FOLDER = Path(__file__).parent / "fixtures"
ROWS = {"card": ["where is my card", "a new card please"], "pin": ["i forgot my pin", "change the pin"]}
ASKED = ["my card is lost", "which pin"]


def all_shapes() -> list[str]:
    """Migrations of which a workspace is kept, oldest first."""
    return sorted(p.name for p in FOLDER.iterdir())


def newest() -> str:
    """The last of them."""
    return all_shapes()[-1]


def expected(shape: str) -> dict[str, object]:
    """What must be found in a workspace of *shape*."""
    return json.loads((FOLDER / shape / "expected.json").read_text())


def unpack(shape: str, folder: Path) -> Path:
    """A workspace of *shape* in *folder*, on disk as it was."""
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode((FOLDER / shape / "files.txt").read_text()))) as files:
        files.extractall(folder, filter="data")
    root = folder / "ws"
    connection = sqlite3.connect(root / "homegrown.db")
    connection.executescript((FOLDER / shape / "database.sql").read_text())
    connection.close()
    return root


def facts(ws: Workspace) -> dict[str, object]:
    """Counts, digests and answers that an upgrade may not change."""
    store = ws.store
    version = store.models.version("intent")
    snapshot = store.snapshots.read(version.snapshot_id)
    counted = ("events", "sources", "tasks", "snapshots", "runs", "model_versions", "deployments", "actors", "grants")
    with store.db.read() as connection:
        counts = {t: connection.exec_driver_sql(f"SELECT count(*) FROM {t}").scalar() for t in counted}
    return {
        "n_records": store.records.count(),
        "n_votes": store.votes.of_task(version.task_id).num_rows,
        "record_ids": sorted(r.record_id for r in store.records.page(limit=1000).records),
        "snapshot_rows": snapshot.num_rows,
        "bundle_digest": version.bundle_digest,
        "answers": [p["label"] for p in ws.predict("intent", ASKED)],
        "counts": counts,
    }


def _grow(folder: Path) -> None:
    file = folder / "messages.csv"
    openers = ("hi", "oh", "now", "so", "please")
    rows = [f"{opener} {text},{label}\n" for label, texts in ROWS.items() for opener in openers for text in texts]
    file.write_text("text,label\n" + "".join(rows))
    with connect(folder / "ws") as ws:
        ws.ingest(file, text="text", label="label")
        task = ws.task_from_column("intent", "label")
        version = ws.train(ws.snapshot(task), Recipe("lexical", {}, 0), "intent")
        ws.deploy(version, "intent")


def make(shape: str) -> None:
    """Write the shape of the newest migration."""
    target = FOLDER / shape
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _grow(folder)
        with connect(folder / "ws") as ws:
            found = facts(ws)
        connection = sqlite3.connect(folder / "ws" / "homegrown.db")
        (target / "database.sql").write_text("\n".join(connection.iterdump()) + "\n")
        connection.close()
        for path in (folder / "ws").glob("homegrown.db*"):
            path.unlink()
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:xz") as files:
            files.add(folder / "ws", "ws", filter=_plain)
    (target / "files.txt").write_text(base64.encodebytes(packed.getvalue()).decode())
    (target / "expected.json").write_text(json.dumps(found, indent=1) + "\n")


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    make(f"{migrations()[-1].version:04d}")
