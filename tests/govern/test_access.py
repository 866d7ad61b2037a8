"""Keys, links and sessions against a real database."""

import pytest

from homegrown.core.access import SYSTEM, Permission, Role
from homegrown.errors import ConflictError, InputError, NotFoundError, UnauthenticatedError
from homegrown.govern.access import Access, secret_digest
from homegrown.store import Store
from homegrown.store.events import read_events


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "ws") as opened:
        yield opened


@pytest.fixture
def access(store):
    return Access(store.db)


def test_a_key_opens_its_role_until_it_is_revoked(access):
    key = access.add_key(SYSTEM, "ci", Role.CALLER)
    actor = access.actor_of_key(key.secret)
    assert actor.may(Permission.CALL)
    assert not actor.may(Permission.READ)
    access.revoke_key(SYSTEM, "ci")
    assert access.actor_of_key(key.secret) is None
    with pytest.raises(NotFoundError):
        access.revoke_key(SYSTEM, "ci")


def test_no_secret_is_stored_or_printed(access, store):
    key = access.add_key(SYSTEM, "ci", Role.CALLER)
    link = access.add_link(SYSTEM)
    session = access.open_session(link)
    assert key.secret not in repr(key)
    content = b"".join(p.read_bytes() for p in store.layout.root.rglob("*") if p.is_file())
    for secret in (key.secret, link, session):
        assert secret.encode() not in content
    assert secret_digest(key.secret).encode() in content


def test_two_workspaces_share_no_secret(tmp_path):
    with Store(tmp_path / "a") as a, Store(tmp_path / "b") as b:
        key = Access(a.db).add_key(SYSTEM, "ci", Role.OWNER)
        assert Access(b.db).actor_of_key(key.secret) is None
        assert a.workspace_id != b.workspace_id


def test_names_are_checked(access):
    access.add_key(SYSTEM, "ci", Role.CALLER)
    with pytest.raises(ConflictError):
        access.add_key(SYSTEM, "ci", Role.OWNER)
    for bad in ("", " ", "a\nb", "x" * 101, "\x00"):
        with pytest.raises(InputError):
            access.add_key(SYSTEM, bad, Role.OWNER)


def test_a_key_expires(access):
    assert access.actor_of_key(access.add_key(SYSTEM, "old", Role.OWNER, days=0).secret) is None
    assert access.actor_of_key(access.add_key(SYSTEM, "new", Role.OWNER, days=1).secret) is not None


def test_a_link_signs_the_owner_in_once(access):
    link = access.add_link(SYSTEM)
    secret = access.open_session(link)
    assert access.actor_of_session(secret).role is Role.OWNER
    for bad in (link, "", "x", "' OR 1=1 --"):
        with pytest.raises(UnauthenticatedError):
            access.open_session(bad)
    access.end_session(secret)
    assert access.actor_of_session(secret) is None
    again = access.actor_of_session(access.open_session(access.add_link(SYSTEM)))
    assert again.name == "owner"


def test_every_act_is_in_the_log(access, store):
    access.add_key(SYSTEM, "ci", Role.CALLER)
    access.revoke_key(SYSTEM, "ci")
    access.open_session(access.add_link(SYSTEM))
    actions = [e["action"] for e in read_events(store.db)]
    assert actions == ["govern.sign_in", "govern.link_add", "govern.key_revoke", "govern.key_add"]
