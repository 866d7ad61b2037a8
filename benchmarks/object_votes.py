"""Votes on fields joined by the quality of their sources, against what most say, on receipts with made-up sources.

python -m benchmarks.object_votes [--draws 5]

Of each field of a receipt eight made-up sources say the truth as often as their skill, drawn between 0.4 and 0.95 per
source and field; else another candidate of the same kind in the same receipt, or (one mistake in four) that it is not
there. 3 and 5 of the eight, drawn per receipt, speak. Share of answers that are right, over all draws, and the draw in
which joining was furthest below counting. The mistakes are of the kinds that the models know: real sources may gain less.
"""

import argparse

import numpy as np

from benchmarks.field_errors import other, receipts, same
from homegrown.core.said import Said
from homegrown.curate.object_labels import joined_fields
from homegrown.label.object_votes import join_objects


def main() -> None:
    """Print a row per field and number of sources."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=5)
    args = parser.parse_args()
    fields, texts, truth = receipts()
    for n_voices in (3, 5):
        for one in fields:
            rows = [i for i in range(len(texts)) if truth[i].get(one.field_id)]
            right = np.zeros((args.draws, 2))
            for draw in range(args.draws):
                rng = np.random.default_rng([draw, n_voices])
                skill = rng.uniform(0.4, 0.95, 8)
                said = []
                for i in rows:
                    votes = []
                    for source in rng.choice(8, n_voices, replace=False):
                        answer = truth[i][one.field_id]
                        if rng.random() > skill[source]:
                            answer = None if rng.random() < 0.25 else other(one, answer, texts[i], rng)
                        votes.append(Said(f"s{source}", {one.field_id: answer}))
                    said.append(votes)
                by_quality = join_objects([one], said).get(one.field_id, {})
                for place, i in enumerate(rows):
                    counted = joined_fields((one,), [dict(v.fields) for v in said[place]])[0][one.field_id]
                    joined = by_quality[place][0] if place in by_quality else counted
                    for k, answer in enumerate((counted, joined)):
                        right[draw, k] += same(one, answer, truth[i][one.field_id], texts[i])
            share = right / len(rows)
            gain = share[:, 1] - share[:, 0]
            print(
                f"{one.name:8} {n_voices} of 8 sources, n = {len(rows)} × {args.draws}: most say {share[:, 0].mean():.3f}  "
                f"joined {share[:, 1].mean():.3f}  least gain {gain.min():+.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
