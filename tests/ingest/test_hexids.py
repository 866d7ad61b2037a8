import numpy as np
import pyarrow as pa

from homegrown.ingest.hexids import from_hex, to_hex


def test_ids_survive_a_concatenation():
    ids = pa.array(["0123456789abcdef" * 2, "ff" + "00" * 15])
    joined = np.concatenate([from_hex(ids), from_hex(ids)])
    assert to_hex(joined).to_pylist() == ids.to_pylist() * 2
