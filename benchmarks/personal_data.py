"""Personal data by patterns: what is found of the kinds that patterns can find, and how much else is taken for it.

python -m benchmarks.personal_data [--errors]

Texts: presidio_pii, 1,500 generated sentences from 209 templates, each with its gold spans; and Banking77 (train), people's
questions to a bank, whose few addresses and numbers were not marked, so every finding there is shown as a false alarm.
Only sentences of templates with an odd number were read while the patterns were written; those with an even number were
scored and not read. A span counts as found where a finding of its kind overlaps it, and exact where both ends agree. A finding inside
a gold span of a kind that patterns cannot see (the postcode of a street address) is neither right nor wrong.

Names, places, streets, organisations, dates, titles, ages and nationalities (2,456 of 2,863 spans) and driving licences (5) have no form
that a pattern could know, and are not looked for.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.common import column, data_folder, machine
from homegrown.inference.personal import find_personal
from homegrown.metrics.intervals import wilson

KINDS = {
    "CREDIT_CARD": {"card"},
    "PHONE_NUMBER": {"phone"},
    "EMAIL_ADDRESS": {"email"},
    "ZIP_CODE": {"postcode"},
    "DOMAIN_NAME": {"domain", "url"},
    "IBAN_CODE": {"iban"},
    "US_SSN": {"national_id"},
    "IP_ADDRESS": {"ip"},
}


@dataclass
class Counts:
    """Spans by kind, how many were found and found exactly, and findings that are none."""

    n: Counter = field(default_factory=Counter)
    found: Counter = field(default_factory=Counter)
    exact: Counter = field(default_factory=Counter)
    wrong: Counter = field(default_factory=Counter)

    def show(self, title: str) -> None:
        """Print F1, precision and recall."""
        n, found, wrong = self.n.total(), self.found.total(), self.wrong.total()
        recall, precision = found / n, found / (found + wrong)
        low, high = wilson(found, n)
        print(f"{title}: F1 {2 * precision * recall / (precision + recall):.3f}, precision {precision:.3f}, ", end="")
        print(f"recall {recall:.3f} ({low:.3f} to {high:.3f}), exact ends {self.exact.total() / n:.3f}, n = {n}")


def score(row: dict, counts: Counts, *, errors: bool) -> None:
    text, gold = row["full_text"], row["spans"]
    found = find_personal(text)
    used = set()
    for span in (s for s in gold if s["entity_type"] in KINDS):
        kind, start, end = span["entity_type"], span["start_position"], span["end_position"]
        hits = [p for p in found if p.kind in KINDS[kind] and p.start < end and p.end > start]
        used.update(hits)
        counts.n[kind] += 1
        counts.found[kind] += bool(hits)
        counts.exact[kind] += any((p.start, p.end) == (start, end) for p in hits)
        if errors and not hits:
            print("missed", kind, repr(text[start:end]), "in", repr(text))
    for one in found:
        inside = any(
            s["start_position"] <= one.start and one.end <= s["end_position"]
            for s in gold
            if s["entity_type"] not in KINDS
        )
        if one not in used and not inside:
            counts.wrong[one.kind] += 1
            if errors:
                print("wrong", one.kind, repr(text[one.start : one.end]), "in", repr(text))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument(
        "--errors", action="store_true", help="show misses and false alarms of the sentences that may be read"
    )
    chosen = options.parse_args()
    print(machine())
    path = data_folder() / "presidio_pii" / "synth_dataset_v2.json.gz"
    rows = json.loads(gzip.decompress(path.read_bytes()))
    everything = Counts()
    for parity, name in ((1, "templates that were read"), (0, "templates that were not read")):
        counts = Counts()
        for row in (r for r in rows if r["template_id"] % 2 == parity):
            score(row, counts, errors=chosen.errors and parity == 1)
            score(row, everything, errors=False)
        counts.show(name)
    everything.show("all")
    for kind, n in everything.n.most_common():
        low, high = wilson(everything.found[kind], n)
        print(f"  {kind:16} recall {everything.found[kind] / n:.3f} ({low:.3f} to {high:.3f}), n = {n}")
    print(f"  false alarms: {dict(everything.wrong)}")
    texts = column(data_folder() / "banking77" / "train.csv", "text")
    started = time.perf_counter()
    alarms = Counter(p.kind for text in texts for p in find_personal(text))
    took = time.perf_counter() - started
    print(
        f"Banking77: {alarms.total()} findings in {len(texts):,} texts {dict(alarms)}; {len(texts) / took:,.0f} texts/s"
    )
    texts = [row["full_text"] for row in rows]
    started = time.perf_counter()
    for text in texts:
        find_personal(text)
    print(f"sentences with personal data: {len(texts) / (time.perf_counter() - started):,.0f} texts/s")


if __name__ == "__main__":
    main()
