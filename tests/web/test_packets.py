"""An answer's head and body leave as one packet; the pieces of a stream leave as they come."""

import asyncio

from homegrown.web.packets import Packets
from tests.conftest import in_a_loop


def written(play):
    """What a reader gets of *play(packets)*, piece by piece."""

    async def go():
        loop, pieces, over = asyncio.get_running_loop(), [], asyncio.Event()

        class Reader(asyncio.Protocol):
            def data_received(self, data):
                pieces.append(data)

            def connection_lost(self, exc):
                over.set()

        async with await loop.create_server(Reader, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            transport, _ = await loop.create_connection(asyncio.Protocol, "127.0.0.1", port)
            packets = Packets(transport, loop)
            await play(packets)
            packets.close()
            await over.wait()
        return pieces

    return in_a_loop(go())


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_head_leaves_with_its_body_and_a_close_loses_nothing():
    async def play(packets):
        packets.write(HEAD)
        packets.write(b"body")
        packets.write(HEAD)

    assert b"".join(pieces := written(play)) == HEAD + b"body" + HEAD
    assert pieces[0].startswith(HEAD + b"body")


def test_a_head_waits_for_no_body_and_the_pieces_of_a_stream_wait_for_nothing():
    sent = []

    class Kept:
        def write(self, data):
            sent.append(data)

    async def go():
        packets = Packets(Kept(), asyncio.get_running_loop())
        packets.write(HEAD)
        packets.write(b"one")
        assert sent == [HEAD + b"one"], "with the first piece, at once"
        packets.write(b"two")
        assert sent[1:] == [b"two"], "whatever else this turn brings"
        packets.write(HEAD)
        await asyncio.sleep(0)
        assert sent[2:] == [HEAD]

    in_a_loop(go())


def test_what_is_aborted_is_not_sent():
    async def play(packets):
        packets.write(HEAD)
        packets.abort()

    assert written(play) == []


def test_a_server_answers_in_one_packet(served):
    async def go():
        loop, pieces, first = asyncio.get_running_loop(), [], asyncio.Event()

        class Reader(asyncio.Protocol):
            def data_received(self, data):
                pieces.append(data)
                first.set()

        transport, _ = await loop.create_connection(Reader, "127.0.0.1", served.port)
        transport.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await first.wait()
        transport.abort()
        return pieces[0]

    head, _, body = in_a_loop(go()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert body.startswith(b"{")
