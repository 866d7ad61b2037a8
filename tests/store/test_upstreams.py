"""Keys at rest, and the origin that each is bound to (RELIABILITY T15, T20, T27)."""

import os
import stat
import time

import anyio
import pytest

from homegrown.core.access import TERMINAL
from homegrown.errors import ConflictError, CorruptDataError, InputError, NotFoundError, StorageError
from homegrown.store import Store
from homegrown.store.events import read_events
from homegrown.store.group_commit import GroupCommit
from homegrown.store.secret_box import Place, SecretBox
from homegrown.store.upstream_answers import Kept
from homegrown.store.upstreams import UpstreamSettings
from tests.conftest import in_a_loop

KEY = "sk-CANARYupstream0123456789"
HERE = "https://api.example.org/v1"
PLACE = Place("upstream_keys", "up_1", "sealed")


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "ws") as found:
        yield found


def put(store, url=HERE, *, key=None, private=False, name="gpt", **settings):
    return store.upstreams.put(TERMINAL, name, url, UpstreamSettings("m-1", is_private=private, **settings), key=key)


def actions(store):
    return [e["action"] for e in reversed(read_events(store.db))]


def test_a_key_comes_back_only_to_whom_it_was_given_for(store):
    made = put(store, key=KEY)
    assert made.has_key
    assert store.upstreams.key(made) == KEY
    assert KEY not in repr(made)
    moved = put(store, "https://evil.example/v1")
    assert not moved.has_key
    assert store.upstreams.key(moved) is None
    assert actions(store) == ["govern.upstream_add", "govern.upstream_change", "govern.upstream_key_drop"]
    back = put(store, HERE)
    assert store.upstreams.key(back) is None, "nor does it come back with the old address"


@pytest.mark.parametrize(
    ("url", "private"),
    [("https://api.example.org:8443/v1", False), ("https://api.example.com/v1", False), ("http://api.example.org/v1", True),
     ("https://api.example.org/v1", True)],
)  # fmt: skip
def test_scheme_host_port_and_privacy_each_bind(store, url, private):
    put(store, key=KEY)
    assert not put(store, url, private=private).has_key


def test_a_change_that_stays_at_the_origin_keeps_the_key(store):
    put(store, key=KEY)
    changed = put(store, "https://api.example.org/v2/", price_in_usd=3.0, terms="no-training")
    assert changed.has_key
    assert (changed.base_url, changed.price_in_usd, changed.terms) == ("https://api.example.org/v2", 3.0, "no-training")
    assert store.upstreams.key(put(store, key="sk-other")) == "sk-other"
    assert actions(store).count("govern.upstream_key_drop") == 0


def test_a_move_between_reading_and_calling_is_seen(store):
    read = put(store, key=KEY)
    put(store, "https://evil.example/v1", key="sk-for-evil")
    with pytest.raises(ConflictError):
        store.upstreams.key(read)


def test_the_key_is_nowhere_in_the_folder(store):
    put(store, key=KEY)
    store.upstreams.remove(TERMINAL, "gpt")
    put(store, key=KEY)
    store.db.close()
    files = [p for p in store.layout.root.rglob("*") if p.is_file()]
    assert any(p.name == "workspace.key" for p in files)
    assert [p for p in files if KEY.encode() in p.read_bytes()] == []


def test_what_cannot_be_used_is_refused(store):
    for url in ("http://api.example.org", "https://127.0.0.1/v1", "nonsense"):
        with pytest.raises(InputError):
            put(store, url)
    for key in ("", "a b", "a\r\nX: y", "ключ", "x" * 5000):
        with pytest.raises(InputError):
            put(store, key=key)
    for bad in ({"price_in_usd": -1.0}, {"price_out_usd": float("nan")}, {"terms": "x" * 101}, {"terms": "a\nb"}):
        with pytest.raises(InputError):
            put(store, **bad)
    for name in ("", " a", "a\n", "x" * 101):
        with pytest.raises(InputError):
            put(store, name=name)
    assert store.upstreams.list() == []
    with pytest.raises(NotFoundError):
        store.upstreams.get("gpt")


def test_a_sealed_value_opens_nowhere_else(tmp_path):
    """Another row, column, table, purpose or workspace; and no changed byte."""
    box = SecretBox(tmp_path / "workspace.key", "upstream keys")
    sealed = box.seal(KEY, PLACE)
    assert box.open(sealed, PLACE) == KEY
    assert sealed != box.seal(KEY, PLACE), "a nonce of its own each time"
    others = [
        PLACE._replace(row="up_2"),
        PLACE._replace(column="x"),
        PLACE._replace(table="x"),
        Place("upstream_keysup", "_1", "sealed"),
    ]
    tries = [(box, sealed, place) for place in others]
    tries.append((SecretBox(tmp_path / "workspace.key", "sessions"), sealed, PLACE))
    other = SecretBox(tmp_path / "other.key", "upstream keys")
    other.seal("x", PLACE)
    tries.append((other, sealed, PLACE))
    tries += [
        (box, sealed[:i] + ("A" if sealed[i] != "A" else "B") + sealed[i + 1 :], PLACE) for i in range(len(sealed) - 2)
    ]
    tries += [(box, bad, PLACE) for bad in ("", "v1", "v1.", "v2" + sealed[2:], sealed[:20], sealed + "AAAA", "é")]
    for one, text, place in tries:
        with pytest.raises(CorruptDataError):
            one.open(text, place)


def test_the_master_key_is_its_owners_alone(tmp_path):
    path = tmp_path / "workspace.key"
    box = SecretBox(path, "p")
    with pytest.raises(CorruptDataError, match="missing"):
        box.open("v1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", PLACE)
    assert not path.exists(), "opening makes no key"
    old = os.umask(0)
    try:
        sealed = box.seal("x", PLACE)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_bytes()) == 32
    assert list(tmp_path.iterdir()) == [path]
    path.chmod(0o644)
    with pytest.raises(StorageError):
        box.open(sealed, PLACE)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        box.seal("x", PLACE)
    path.unlink()
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(CorruptDataError, match="damaged"):
        box.open(sealed, PLACE)


def test_two_workspaces_share_no_key(tmp_path):
    boxes = [SecretBox(tmp_path / name, "p") for name in ("a", "b")]
    for box in boxes:
        box.seal("x", PLACE)
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


def kept(key, cost=0.1, value=None):
    return Kept(key, f"hash of {key}", value, 0.9, 10, 2, cost)


def test_what_is_set_aside_counts_until_it_is_settled(store):
    upstream = put(store)
    answers = store.upstream_answers
    call, first = answers.set_aside(upstream, "prompt a", 0.5)
    other, second = answers.set_aside(upstream, "prompt b", 7.0)
    answers.write([first, second])
    assert answers.spent_usd(upstream, "prompt a") == 0.5, "a kill here would leave it so"
    answers.write([answers.settle(upstream, "prompt a", call, [kept("k1", value={"class": "c_1"}), kept("k2")])])
    assert answers.spent_usd(upstream, "prompt a") == pytest.approx(0.2)
    assert answers.find(["k1", "k2", "k3"]) == {"k1": kept("k1", value={"class": "c_1"}), "k2": kept("k2")}
    answers.write([answers.settle(upstream, "prompt b", other, [kept("k1", 9.9)], still_usd=0.25)])
    assert answers.spent_usd(upstream, "prompt b") == 0.25
    assert answers.find(["k1"])["k1"].cost_usd == 0.1, "the first answer stays"
    assert len(answers.find(f"k{i}" for i in range(2000))) == 2
    store.upstreams.remove(TERMINAL, "gpt")
    assert answers.find(["k1"]) == {}


def test_writes_that_wait_together_are_committed_together_and_fail_together():
    groups = []

    def commit(writes):
        time.sleep(0.02)
        groups.append(writes)
        if 99 in writes:
            raise OSError("the disk is gone")

    async def many(values):
        group = GroupCommit(commit)
        told = []

        async def one(value):
            try:
                await group.do(value)
            except OSError:
                told.append(value)

        async with anyio.create_task_group() as tasks:
            for value in values:
                tasks.start_soon(one, value)
        return told

    assert in_a_loop(many(range(20))) == []
    assert sorted(v for g in groups for v in g) == list(range(20))
    assert len(groups) <= 3
    assert 99 in in_a_loop(many([1, 99, *range(2, 9)]))
