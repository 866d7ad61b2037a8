"""Who is behind a key is asked once for all who come with it at the same time, and again after somebody was shut out."""

import asyncio
import threading

import pytest

from homegrown.core.access import Actor, Role
from homegrown.errors import UnauthenticatedError
from homegrown.web.identity import Identity
from tests.conftest import in_a_loop

ANNA = Actor("actor_anna", "key", "anna", Role.CALLER)


class Keys:
    """One key, and how often it was asked for."""

    def __init__(self):
        self.asked, self.is_live, self.may_go_on = [], True, threading.Event()

    def actor_of_key(self, secret):
        self.asked.append(secret)
        found = ANNA if self.is_live and secret == "good" else None
        self.may_go_on.wait(5)
        return found

    actor_of_session = actor_of_key


def scope(secret):
    return {"headers": [(b"authorization", f"Bearer {secret}".encode())]}


def test_thirty_who_come_at_once_are_one_look_up():
    async def go():
        keys = Keys()
        identity = Identity(keys, "cookie")
        coming = [asyncio.create_task(identity.of(scope("good"))) for _ in range(30)]
        bad = [asyncio.create_task(identity.of(scope("bad"))) for _ in range(5)]
        await asyncio.sleep(0.05)
        coming[0].cancel()  # who leaves takes nobody along
        keys.may_go_on.set()
        assert await asyncio.gather(*coming[1:]) == [ANNA] * 29
        refused = await asyncio.gather(*bad, return_exceptions=True)
        assert {type(r) for r in refused} == {UnauthenticatedError}
        assert sorted(keys.asked) == ["bad", "good"]

    in_a_loop(go())


def test_an_answer_from_before_a_revocation_is_not_remembered():
    async def go():
        keys = Keys()
        identity = Identity(keys, "cookie")
        early = asyncio.create_task(identity.of(scope("good")))
        while not keys.asked:
            await asyncio.sleep(0.01)
        keys.is_live = False
        identity.forget()
        keys.may_go_on.set()
        assert await early is ANNA  # it was let in before
        with pytest.raises(UnauthenticatedError):
            await identity.of(scope("good"))
        assert len(keys.asked) == 2

    in_a_loop(go())
