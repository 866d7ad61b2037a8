"""Near duplicates: pairwise F1 on business records from their text alone, and speed on 200,000 texts against datasketch.

python -m benchmarks.near_duplicates [--texts 200000]

- records_dedupe: 3,337 records of 1,162 places from ten lists, name, address, postcode and phone joined to one text; truth by its ids. Each
  threshold is shown; nothing was chosen on it. A pair is found when both records come into one group.
- speed: two texts of Banking77 put together, and every fourth an earlier one with one word more. Ours ends with groups, each
  candidate pair checked exactly; datasketch (pip install datasketch) with the same words and word pairs, 64 permutations and
  threshold 0.8, ends with candidates.
- found: of the first 10,000 of these texts all pairs are compared; groups of both against the groups of those at 0.8 or more.
"""

import argparse
import csv
import importlib.util
import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

from benchmarks.common import column, data_folder, machine
from homegrown.curate.twins import join, normalised, twin_groups
from homegrown.inference import Encoder
from homegrown.metrics.neighbours import nearest

N_PERM = 64
READ = ("Site name", "Address", "Zip", "Phone")


def records() -> tuple[list[str], np.ndarray]:
    path = data_folder() / "records_dedupe" / "csv_example_input_with_true_ids.csv"
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        rows = list(csv.DictReader(file))
    texts = [" ".join(" ".join((row[k] or "").split()) for k in READ) for row in rows]
    return texts, np.unique([row["True Id"] for row in rows], return_inverse=True)[1]


def pairs(groups: np.ndarray) -> int:
    n = np.bincount(groups)
    return int((n * (n - 1) // 2).sum())


def f1(found: np.ndarray, truth: np.ndarray) -> str:
    both = np.unique(np.stack([found, truth]), axis=1, return_inverse=True)[1]
    hits, said, true = pairs(both), pairs(np.unique(found, return_inverse=True)[1]), pairs(truth)
    precision, recall = hits / max(said, 1), hits / true
    score = 2 * precision * recall / max(precision + recall, 1e-9)
    return f"F1 {score:.3f}, precision {precision:.3f}, recall {recall:.3f} of {true:,} pairs"


def quality() -> None:
    texts, truth = records()
    array = pa.array(texts)
    print(f"records_dedupe, {len(texts):,} records, text alone")
    for similarity in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5):
        print(f"  words, Jaccard {similarity:.1f}: {f1(twin_groups(array, similarity), truth)}")
    vectors = Encoder.load().encode(texts)
    found, similarity = nearest(vectors, 20)
    for least in (0.96, 0.94, 0.92):
        row, place = np.nonzero(similarity >= least)
        both = join(twin_groups(array, 0.8), row, found[row, place])
        print(f"  words, Jaccard 0.8, or meaning, cosine {least:.2f}: {f1(both, truth)}")


def many(n: int) -> list[str]:
    base = column(data_folder() / "banking77" / "train.csv", "text")
    rng = np.random.default_rng(0)
    picked = rng.integers(len(base), size=(n, 2))
    texts: list[str] = []
    for number, (a, b) in enumerate(picked.tolist()):
        if number and number % 4 == 0:
            texts.append(f"{texts[int(rng.integers(number))]} w{number}")
        else:
            texts.append(f"{base[a]} {base[b]}")
    return texts


def datasketch(texts: list[str]) -> np.ndarray:
    """Pairs of texts that it takes for candidates, int64 [2, pairs]."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=0.8, num_perm=N_PERM)
    found: list[tuple[int, int]] = []
    for number, text in enumerate(normalised(pa.array(texts)).to_pylist()):
        words = text.split()
        digest = MinHash(num_perm=N_PERM)
        digest.update_batch([w.encode() for w in (*words, *map(" ".join, pairwise(words)))])
        found += [(int(other), number) for other in index.query(digest)]
        index.insert(number, digest, check_duplication=False)
    return np.array(found, int).reshape(-1, 2).T


def all_pairs(texts: list[str], similarity: float) -> np.ndarray:
    """Every pair of texts that is so similar in words and word pairs, each compared with each; int64 [2, pairs]."""
    words = [text.split() for text in normalised(pa.array(texts)).to_pylist()]
    said = [sorted({*w, *map(" ".join, pairwise(w))}) for w in words]
    size = np.array([len(s) for s in said])
    place = np.unique(np.concatenate(said), return_inverse=True)[1]
    table = sp.csr_matrix((np.ones(len(place), np.float32), place, np.append(0, np.cumsum(size))))
    found = []
    for start in range(0, len(texts), 1000):
        shared = (table[start : start + 1000] @ table.T).tocoo()
        row = shared.row + start
        near = shared.data >= (similarity - 1e-9) * (size[row] + size[shared.col] - shared.data)
        found.append(np.stack([row, shared.col])[:, near & (row < shared.col)])
    return np.concatenate(found, axis=1)


def exactness(texts: list[str]) -> None:
    alone, array = np.arange(len(texts)), pa.array(texts)
    truth = join(alone, *all_pairs(texts, 0.8))
    print(f"{len(texts):,} texts, every pair compared, groups at 0.8: ours {f1(twin_groups(array), truth)}")
    if importlib.util.find_spec("datasketch") is not None:
        print(f"  datasketch's candidates {f1(join(alone, *datasketch(texts)), truth)}")


def speed(n: int) -> None:
    texts = many(n)
    array = pa.array(texts)
    seconds = [timed(lambda: twin_groups(array)) for _ in range(3)]
    ours = tuple(n / float(np.median(s)) for s in zip(*seconds, strict=True))
    groups = twin_groups(array)
    n_twins = int((np.bincount(groups)[groups] > 1).sum())
    print(
        f"{n:,} texts: ours {ours[0]:,.0f} texts/s, {ours[1]:,.0f} by processor time (median of 3), {n_twins:,} with a twin"
    )
    if importlib.util.find_spec("datasketch") is None:
        print("datasketch is not installed here (pip install datasketch): it is left out.")
    else:
        theirs = tuple(n / s for s in timed(lambda: datasketch(texts)))
        print(f"  datasketch {theirs[0]:,.0f} texts/s, {theirs[1]:,.0f} by processor time: ours ", end="")
        print(f"{ours[0] / theirs[0]:.1f} times, {ours[1] / theirs[1]:.1f} by processor time (figure: 10)", flush=True)
    exactness(texts[:10_000])


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock, and of processor time, which a busy machine does not stretch."""
    clock, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - spent


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--texts", type=int, default=200_000)
    chosen = options.parse_args()
    print(machine())
    quality()
    speed(chosen.texts)


if __name__ == "__main__":
    main()
