"""Connections are kept, one request each, and closed where an answer was not read to its end."""

import asyncio
import contextlib

import pytest

from homegrown.core.upstreams import origin_of
from homegrown.errors import UpstreamTimeoutError
from homegrown.inference.outbound import Outbound, Phases
from tests.conftest import in_a_loop

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood"


class Server:
    """Answers every request; says on which connection each one came."""

    def __init__(self):
        self.served, self.n_connections, self.n_open, self.hangs_up = [], 0, 0, False

    async def serve(self, reader, writer):
        number = self.n_connections
        self.n_connections += 1
        self.n_open += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while not self.hangs_up:
                await reader.readuntil(b"\r\n\r\n")
                self.served.append(number)
                writer.write(ANSWER)
                await writer.drain()
        self.n_open -= 1
        writer.close()


def played(play, **options):
    """Run *play(server, door, origin)* against a server of its own."""

    async def go():
        server = Server()
        async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
            origin = origin_of(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", is_private=True)
            async with Outbound((origin,), **options).open() as door:
                await play(server, door, origin)
            for _ in range(100):
                await asyncio.sleep(0.01 if server.n_open else 0)
            assert server.n_open == 0  # closed with the door

    in_a_loop(go())


def test_one_connection_serves_one_request_after_the_other():
    async def play(server, door, origin):
        for _ in range(5):
            assert (await door.send("GET", origin, "/")).body == b"good"
        assert server.n_connections == 1
        await asyncio.gather(*(door.send("GET", origin, "/") for _ in range(4)))
        assert server.n_connections == 4
        server.served.clear()
        for _ in range(3):
            await door.send("GET", origin, "/")
        assert len(set(server.served)) == 1  # the one that was used last

    played(play)


def test_one_that_the_server_closed_is_not_used_again():
    async def play(server, door, origin):
        await door.send("GET", origin, "/")
        server.hangs_up = True
        await door.send("GET", origin, "/")  # the server closes behind this one
        await asyncio.sleep(0.05)
        server.hangs_up = False
        assert (await door.send("GET", origin, "/")).status == 200
        assert server.n_connections == 2

    played(play)


def test_what_was_not_read_to_its_end_or_was_cancelled_is_closed():
    async def play(server, door, origin):
        async with door.stream("GET", origin, "/", headers={}, phases=Phases()) as answer:
            assert answer.status == 200
        await asyncio.sleep(0.05)
        assert server.n_open == 0

        async def left():
            async with door.stream("GET", origin, "/", headers={}, phases=Phases()):
                await asyncio.sleep(30)

        task = asyncio.create_task(left())
        await asyncio.sleep(0.1)
        assert server.n_open == 1
        task.cancel()
        await asyncio.wait({task})
        await asyncio.sleep(0.05)
        assert server.n_open == 0
        assert (await door.send("GET", origin, "/")).status == 200

    played(play)


def test_who_comes_when_all_are_in_use_waits_and_no_longer_than_it_may():
    async def play(server, door, origin):
        async with door.stream("GET", origin, "/", headers={}, phases=Phases()) as answer:
            waiting = asyncio.create_task(door.send("GET", origin, "/"))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            with pytest.raises(UpstreamTimeoutError):
                await door.send("GET", origin, "/", total_s=0.1)
            assert await answer.read(10) == b"good"
        assert (await waiting).status == 200
        assert server.n_connections == 1

    played(play, n_connections=1)


LARGE = b"x" * 3_000_000


class Noting(asyncio.Protocol):
    """Notes each piece that comes, and answers the one small request and the large one."""

    def __init__(self, seen):
        self.seen = seen

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.seen.append(data)
        if data.endswith(b"small") or sum(map(len, self.seen)) > len(LARGE):
            self.transport.write(ANSWER)


def test_head_and_body_leave_together_and_what_is_large_does_not_wait():
    async def go():
        seen = []
        loop = asyncio.get_running_loop()
        async with await loop.create_server(lambda: Noting(seen), "127.0.0.1", 0) as listening:
            origin = origin_of(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", is_private=True)
            async with Outbound((origin,)).open() as door:
                assert (await door.send("POST", origin, "/", body=b"small")).body == b"good"
                assert len(seen) == 1
                assert seen[0].startswith(b"POST / HTTP/1.1\r\n")
                assert seen[0].endswith(b"\r\n\r\nsmall")
                assert (await door.send("POST", origin, "/", body=LARGE)).body == b"good"
                assert b"".join(seen).endswith(b"\r\n\r\n" + LARGE)

    in_a_loop(go())
