"""Fields that choose among what stands in a text: tables, sums, long documents."""

import numpy as np
import pytest

from homegrown.core.layout import laid_out
from homegrown.core.schema import FieldType
from homegrown.inference.candidates import Reading, candidates
from homegrown.train.ranked_fit import fit_ranking


@pytest.fixture(scope="module")
def paid():
    """A field that is what was given less the change; its label says nothing and its place changes."""
    rng = np.random.default_rng(0)
    texts, totals = [], []
    for i in range(60):
        total, given = int(rng.integers(100, 900)), 1000 + 50 * (i % 3)
        other = [f"{int(rng.integers(100, 900)) / 100:.2f}" for _ in range(3)]
        rows = [f"{total / 100:.2f}", f"{given / 100:.2f}", f"{(given - total) / 100:.2f}"]
        lines = other[: i % 4] + rows + other[i % 4 :]
        texts.append("\n".join(f"row {line}" for line in lines))
        totals.append(f"{total / 100:.2f}".rstrip("0").rstrip("."))
    rows = [(texts[a:b], totals[a:b], np.ones(b - a)) for a, b in ((0, 30), (30, 40))]
    return fit_ranking(FieldType.MONEY, Reading(), rows[0], rows[1]), texts[40:], totals[40:]


def test_a_total_is_what_was_given_less_the_change(paid) -> None:
    ranking, texts, totals = paid
    found = [one.value if one else None for one, _ in ranking.best(texts)]
    assert np.mean([a == b for a, b in zip(found, totals, strict=True)]) > 0.8


def test_a_few_rows_that_are_all_right_make_nobody_certain() -> None:
    """Of amounts that nothing tells apart the first is most often meant, and two validation rows happen to say so."""
    rng = np.random.default_rng(1)
    texts = [f"{rng.integers(1, 500)}.50 and {rng.integers(500, 999)}.50" for _ in range(60)]
    meant = [t.split()[0 if i % 4 or i < 2 else 2].rstrip("0") for i, t in enumerate(texts)]
    few = (texts[:2], meant[:2], np.ones(2))
    found = fit_ranking(FieldType.NUMBER, Reading(), (texts[2:], meant[2:], np.ones(58)), few).best(texts)
    assert np.mean([one is not None and one.value == m for (one, _), m in zip(found, meant, strict=True)]) > 0.7
    assert np.mean([prob for _, prob in found]) < 0.9


def test_a_long_document_is_read_to_its_end(paid) -> None:
    """Two hundred pages: far more places than any text that taught."""
    ranking, texts, _ = paid
    ((found, prob),) = ranking.best(["\n".join(f"row {i}" for i in range(10_000)) + "\n" + texts[0]])
    assert found is not None
    assert found.start >= 10_000
    assert 0 < prob <= 1
    assert candidates("1 " * 5000, FieldType.NUMBER, Reading())[-1].end < 5000  # what teaches is bounded


def test_cells_of_a_table_are_candidates_for_themselves() -> None:
    page = laid_out(
        [
            {"text": t, "box": [x, y, x + 50, y + 10]}
            for t, x, y in (("Shop", 0, 0), ("No 7", 99, 1), ("Main Road", 0, 20))
        ]
    )
    words = {page[c.start : c.end] for c in candidates(page, FieldType.SPAN, Reading())}
    assert {"Shop", "No 7", "Shop\tNo 7", "Main Road", "No 7\nMain Road"} <= words
    assert not any(w != w.strip() for w in words)
