"""An answer's head and body leave as one packet; what is long leaves whole all the same."""

import asyncio

from homegrown.web.packets import MOST_HELD_BYTES, Packets
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


def test_what_is_written_in_one_turn_leaves_together_and_a_close_loses_nothing():
    async def play(packets):
        packets.write(b"head ")
        packets.write(b"")
        packets.write(b"body")

    assert written(play) == [b"head body"]


def test_order_is_kept_over_turns_and_beyond_what_is_held():
    parts = [bytes([65 + i]) * n for i, n in enumerate((1, MOST_HELD_BYTES, 5, 3 * MOST_HELD_BYTES, 2, 7))]

    async def play(packets):
        for part in parts:
            packets.write(part)
            if len(part) == 5:
                await asyncio.sleep(0)
        assert packets.get_extra_info("peername") is not None

    assert b"".join(written(play)) == b"".join(parts)


def test_what_is_aborted_is_not_sent():
    async def play(packets):
        packets.write(b"never")
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
