"""One byte changed, a file cut, zeroed or longer, in every kind of file of a workspace (RELIABILITY F8)."""

import re
import shutil

import pytest

from homegrown.errors import CorruptDataError
from homegrown.workspace import connect
from tests.store import shapes

DAMAGES = {
    "flip": lambda d: d[: len(d) // 2] + bytes([d[len(d) // 2] ^ 0xFF]) + d[len(d) // 2 + 1 :],
    "cut": lambda d: d[: len(d) // 2],
    "zero": lambda d: bytes(len(d)),
    "append": lambda d: d + b"\0garbage",
}
KINDS = (
    "homegrown.db", "workspace.json", "lance/records.lance/data/*.lance", "lance/votes.lance/data/*.lance",
    "lance/records.lance/_versions/*613.manifest", "lance/votes.lance/_versions/*613.manifest",
    "lance/records.lance/_versions/*hint.json", "lance/records.lance/_transactions/1-*.txn",
    "models/*/lexical.safetensors", "models/*/manifest.json", "models/*/model.json", "snapshots/*/rows.parquet",
)  # fmt: skip
# What must be noticed whatever the damage is; other files may turn out right all the same, and never wrong.
NOTICED = ("workspace.json", "models/*/lexical.safetensors", "models/*/manifest.json", "models/*/model.json",
           "snapshots/*/rows.parquet")  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return shapes.unpack(shapes.newest(), tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("kind", KINDS)
def test_no_damage_gives_a_wrong_answer_or_a_traceback(tmp_path, whole, kind):
    (found,) = [p.relative_to(whole) for p in whole.glob(kind)]
    said = []
    for damage, apply in DAMAGES.items():
        root = shutil.copytree(whole, tmp_path / damage)
        content = apply((root / found).read_bytes())
        (root / found).write_bytes(content)
        try:
            with connect(root) as ws:
                ws.store.db.check()
                assert shapes.facts(ws) == shapes.expected(shapes.newest()), (kind, damage)
        except CorruptDataError as error:
            said.append(error.message)
    assert all(m.endswith((".", "homegrown doctor")) and ".rs:" not in m for m in said), said
    assert all(re.search("Restore|bring that file back|backups/", m) for m in said), said
    assert len(said) == 4 or kind not in NOTICED
