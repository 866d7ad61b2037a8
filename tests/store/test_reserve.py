"""Room for the moment in which the disk is full (RELIABILITY F6): a real, small file system."""

import io

import pytest

from homegrown.core.access import SYSTEM
from homegrown.errors import DiskFullError
from homegrown.jobs import JobQueue
from homegrown.store.reserve import MOST_BYTES, NAME, Reserve, refuse_if_in_use
from homegrown.testing.server import SAMPLE, running, small_workspace
from homegrown.workspace import connect
from tests.disks import fill, small_disk
from tests.gateway.conftest import until


def test_it_is_released_when_nothing_is_left_and_held_again_once_there_is_twice_the_room(tmp_path):
    with small_disk(tmp_path / "disk") as resize:
        resize(16 << 20)
        disk = tmp_path / "disk"
        reserve = Reserve(disk)
        reserve.hold()
        assert (disk / NAME).stat().st_size == reserve.n_bytes == pytest.approx((16 << 20) / 16, rel=0.01)
        assert not reserve.look()
        fill(disk)
        refuse_if_in_use(disk)  # nobody has looked yet
        assert reserve.look()
        assert reserve.look()
        with pytest.raises(DiskFullError, match=r"votes, calls .* Free some"):
            refuse_if_in_use(disk)
        (disk / "kept").write_bytes(bytes(reserve.n_bytes // 2))  # there is room for what is small
        (disk / "fill").unlink()
        refuse_if_in_use(disk)  # whoever was killed: what it left stops nobody once there is room
        assert not reserve.look()
        assert (disk / NAME).stat().st_size == reserve.n_bytes
        reserve.drop()
        assert not (disk / NAME).exists()
        assert not reserve.look()
        refuse_if_in_use(disk)


def test_no_more_is_kept_than_a_large_disk_bears(tmp_path):
    reserve = Reserve(tmp_path)
    reserve.hold()
    assert 0 < reserve.n_bytes <= MOST_BYTES
    reserve.drop()


def test_a_server_on_a_full_disk_keeps_votes_refuses_what_is_large_and_goes_on_by_itself(tmp_path):
    with small_disk(tmp_path / "disk") as resize:
        resize(64 << 20)
        disk = tmp_path / "disk"
        with connect(disk / "w", actor=SYSTEM) as ws:
            small_workspace(ws, tmp_path, n_versions=1)
            with running(ws) as served, served.client() as client:
                assert (disk / "w" / "locks" / NAME).stat().st_size > 1 << 20
                assert client.get("/healthz").json()["disk"] == ""
                fill(disk)
                until(lambda: "the disk is full" in client.get("/healthz").json()["disk"])
                record_id = ws.sql("select record_id from records limit 1").rows()[0]["record_id"]
                assert ws.vote(record_id, "intent", next(iter(SAMPLE)))
                (tmp_path / "more.csv").write_text("text\nsomething new\n")
                with pytest.raises(DiskFullError):
                    ws.ingest(tmp_path / "more.csv", text="text")
                with pytest.raises(DiskFullError):
                    ws.uploads.add(io.BytesIO(b"text\nhello\n"), "a.csv")
                with pytest.raises(DiskFullError):
                    JobQueue(ws.store.db).submit(SYSTEM, "embed", {})
                (disk / "fill").unlink()
                until(lambda: client.get("/healthz").json()["disk"] == "")
                assert JobQueue(ws.store.db).submit(SYSTEM, "embed", {})
            assert not (disk / "w" / "locks" / NAME).exists()
