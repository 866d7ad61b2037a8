"""Nothing that is loaded runs: pickles under any name, code beside a model, modules in a folder (RELIABILITY T3, T5, T6, T35)."""

import ast
import gzip
import io
import os
import pickle  # noqa: TID251  # to make what must not be loaded
import shutil
import stat
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

import homegrown
from homegrown.errors import CorruptDataError, HomegrownError, StorageError
from homegrown.inference.encoder import Encoder
from homegrown.inference.encoder_folder import open_folder
from homegrown.jobs import WorkerProcess
from homegrown.store import Store
from homegrown.workspace import connect
from tests.ingest.helpers import ingest
from tests.store import shapes

SOURCE = Path(homegrown.__file__).parent
MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml"}


def _dangers(tree):
    """What would run or unpickle what it reads."""
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (n for n in names if n.partition(".")[0] in MODULES)
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in ("eval", "exec", "__import__", "compile", "np.load") or called.endswith(
            ("torch.load", "os.system", "os.popen")
        ):
            yield called
        for word in node.keywords:
            wanted = {"trust_remote_code": False, "allow_pickle": False, "shell": False}.get(word.arg, ...)
            if wanted is not ... and not (isinstance(word.value, ast.Constant) and word.value.value is wanted):
                yield f"{word.arg}={ast.unparse(word.value)}"


def test_no_line_of_ours_unpickles_or_evaluates():
    files = sorted(SOURCE.rglob("*.py"))
    assert len(files) > 150
    found = {str(p.relative_to(SOURCE)): list(_dangers(ast.parse(p.read_text()))) for p in files}
    # What people wrote as rules runs there, in a child with limits and without secrets (engine/limited.py).
    assert found.pop("engine/functions_child.py") == ["exec", "compile"]
    assert {k: v for k, v in found.items() if v} == {}
    bad = "import pickle\nfrom joblib import x\neval(y)\nself._torch.load(f)\nf(trust_remote_code=True)\ng(shell=z)"
    assert len(list(_dangers(ast.parse(bad)))) == 6


class Payload:
    """Touches a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def _zipped(payload):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # as torch.save writes it
        archive.writestr("archive/data.pkl", payload)
    return packed.getvalue()


def _array(marker):
    out = io.BytesIO()
    np.save(out, np.array([Payload(marker)], dtype=object), allow_pickle=True)
    return out.getvalue()


@pytest.fixture
def disguised(tmp_path):
    """(marker, payloads by kind); the payloads work."""
    marker = tmp_path / "marker"
    payload = pickle.dumps(Payload(marker))
    pickle.loads(payload)
    assert marker.exists()
    marker.unlink()
    return marker, {"plain": payload, "zip": _zipped(payload), "npy": _array(marker), "gz": gzip.compress(payload)}


SUFFIXES = (".csv", ".json", ".jsonl", ".parquet", ".xlsx", ".pdf", ".docx", ".html", ".txt", ".zip", ".csv.gz",
            ".pkl", ".pt", ".npy", ".joblib", ".safetensors", "")  # fmt: skip


def test_a_pickle_is_data_of_no_kind(tmp_path, disguised):
    marker, payloads = disguised
    n_tried, codes = 0, set()
    with Store(tmp_path / "work") as store:
        for kind, payload in payloads.items():
            for suffix in SUFFIXES:
                path = tmp_path / f"{kind}{suffix}"
                path.write_bytes(payload)
                n_tried += 1
                try:
                    ingest(store, path)
                except HomegrownError as error:
                    codes.add(error.exit_code)
                assert not marker.exists(), path.name
    assert codes == {2}
    assert n_tried == len(payloads) * len(SUFFIXES)


@pytest.mark.parametrize("kind", ["plain", "zip", "npy", "gz"])
def test_a_pickle_under_a_models_name_is_refused(tmp_path, disguised, kind):
    marker, payloads = disguised
    root = shapes.unpack(shapes.newest(), tmp_path)
    (weights,) = root.glob("models/*/lexical.safetensors")
    weights.write_bytes(payloads[kind])
    with connect(root) as ws, pytest.raises(CorruptDataError):
        ws.predict("intent", ["my card"])
    folder = Path(shutil.copytree(open_folder().path, tmp_path / "encoder"))
    (folder / "model.safetensors").write_bytes(payloads[kind])
    (folder / "pytorch_model.bin").write_bytes(payloads[kind])
    with pytest.raises(CorruptDataError):
        Encoder.load(folder)
    assert not marker.exists()


@pytest.mark.parametrize("family", ["evil", "distilbert"])
def test_code_beside_a_model_does_not_run(tmp_path, family):
    """``auto_map`` names classes in files of the folder (CVE-2026-41523 and its kin)."""
    marker = tmp_path / "marker"
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "evil.py").write_text(f"open({str(marker)!r}, 'w')\nclass Model: ...\nclass Config: ...\n")
    (folder / "config.json").write_text(
        f'{{"model_type": "{family}", "dim": 64, "auto_map": {{"AutoModel": "evil.Model", "AutoConfig": "evil.Config"}}}}'
    )
    shutil.copy(open_folder().path / "tokenizer.json", folder)
    shutil.copy(open_folder().path / "model.safetensors", folder)
    started = time.monotonic()
    with pytest.raises(HomegrownError):
        Encoder.load(folder)
    assert not marker.exists()
    assert time.monotonic() - started < 30


def test_the_worker_imports_nothing_from_where_the_server_was_started(tmp_path, monkeypatch):
    here = tmp_path / "here"
    (here / "homegrown").mkdir(parents=True)
    for name in ("homegrown/__init__.py", "homegrown/worker.py", "json.py", "msgspec.py"):
        (here / name).write_text(f"open({str(tmp_path / 'marker')!r}, 'w')\n")
    Store(tmp_path / "work").close()
    monkeypatch.chdir(here)
    worker = WorkerProcess(tmp_path / "work", log=tmp_path / "log")
    worker.start()
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "work" / "jobs.db").exists() and not (tmp_path / "marker").exists():
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.05)
    finally:
        worker.stop()
    assert not (tmp_path / "marker").exists()


def test_a_careless_umask_leaves_nothing_open_to_others(tmp_path):
    code = (
        "import os, sys; os.umask(0)\n"
        "from homegrown.workspace import connect\n"
        "with connect(sys.argv[1]) as ws: ws.ingest(sys.argv[2], text='text')\n"
    )
    (tmp_path / "t.csv").write_text("text\nhello\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    subprocess.run([sys.executable, "-c", code, tmp_path / "w", tmp_path / "t.csv"], env=environment, check=True)
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in [tmp_path / "w", *(tmp_path / "w").rglob("*")]}
    assert len(modes) > 20
    assert {str(p): oct(m) for p, m in modes.items() if m & 0o077} == {}


@pytest.mark.parametrize("name", ["lance", "models", "tmp", "secrets"])
def test_a_folder_that_is_a_link_is_refused(tmp_path, name):
    Store(tmp_path / "w").close()
    folder = tmp_path / "w" / name
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="is a link"):
        Store(tmp_path / "w")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_somebody_else_is_refused(tmp_path):
    Store(tmp_path / "w").close()
    os.chown(tmp_path / "w", 65534, 65534)
    with pytest.raises(StorageError, match="belongs to another user"):
        Store(tmp_path / "w")
