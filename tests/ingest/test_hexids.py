"""Ids as bytes: sorting, twins and look-ups, also where hashes collide in their first half."""

import numpy as np
import pyarrow as pa

from homegrown.ingest.hexids import IdSet, from_bytes, from_hex, sorted_order, to_hex, twins


def _ids(*pairs):
    return from_bytes(b"".join(int(hi).to_bytes(8, "big") + int(lo).to_bytes(8, "big") for hi, lo in pairs))


def test_hex_and_back_also_from_a_slice():
    rng = np.random.default_rng(0)
    ids = from_bytes(rng.bytes(16 * 50))
    column = to_hex(ids)
    assert column.to_pylist() == [ids[i : i + 1].tobytes().hex() for i in range(50)]
    assert (from_hex(column.slice(7, 11)) == ids[7:18]).all()
    assert len(from_hex(pa.array([], pa.string()))) == 0


def test_order_twins_and_look_ups_with_halves_in_common():
    ids = _ids((1, 5), (1, 2), (0, 9), (1, 5), (2**63, 0), (1, 5), (1, 2))
    assert [tuple(map(int, ids[i])) for i in sorted_order(ids)] == sorted(tuple(map(int, i)) for i in ids)
    assert twins(ids).tolist() == [0, 0, 0, 1, 0, 2, 1]
    known = IdSet(_ids((1, 5), (1, 2), (1, 9), (7, 7)))
    asked = _ids((1, 2), (1, 9), (1, 5), (1, 3), (9, 9), (7, 7), (0, 0))
    assert known.find(asked).tolist() == [1, 2, 0, -1, -1, 3, -1]


def test_no_ids_at_all():
    none = _ids()
    assert len(twins(none)) == len(sorted_order(none)) == 0
    assert IdSet(none).find(_ids((1, 1))).tolist() == [-1]
    assert IdSet(_ids((1, 1))).find(none).tolist() == []
