"""What the numbers mean, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.evaluate.document import Caution
from homegrown.metrics.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from homegrown.evaluate.document import ClassRow, Opponent
    from homegrown.evaluate.object_document import ObjectOpponent
    from homegrown.metrics.learning import LearningPoint

FEW = 100
THIN = 5
LITTLE, WIDE = 0.005, 0.1  # gains in accuracy


def percent(value: float) -> str:
    """A share for people.

    Example:
        >>> percent(0.92443), percent(1.0)
        ('92.4%', '100%')
    """
    text = f"{value * 100:.1f}"
    return f"{text.removesuffix('.0') if text in ('100.0', '0.0') else text}%"


def odds(share: float) -> str:
    """A share as small whole numbers, the way one says it.

    Example:
        >>> odds(0.924), odds(0.71), odds(0.5), odds(0.2), odds(0.999)
        ('about 12 of 13', 'about 5 of 7', 'about 1 of 2', 'about 1 of 5', 'about 999 of 1,000')
    """
    if share > 0.9:
        k = max(2, round(1 / max(1e-9, 1 - share)))
        return f"about {k - 1:,} of {k:,}" if k < 10_000 else "nearly all"
    if share < 0.1:
        k = round(1 / max(1e-9, share))
        return f"about 1 of {k:,}" if k < 10_000 else "almost none"
    best = min(((a, b) for b in range(2, 11) for a in range(1, b)), key=lambda f: (abs(f[0] / f[1] - share), f[1]))
    return f"about {best[0]} of {best[1]}"


def headline(
    n: int, n_right: int, interval: tuple[float, float], *, multi: bool, split: str, guessed: bool = False
) -> str:
    """The one sentence for somebody who reads one sentence; *guessed*: most labels are what rules and models vote."""
    what = "agrees with the votes on" if guessed else "gets every class right on" if multi else "is right on"
    seen = "texts that it never saw" if split == "test" else f"texts of the {split} split"
    if n < 10:
        return f"It {what} {n_right} of {n} {seen}: far too few to say how good it is."
    if n_right == n and not guessed:
        return f"It {what} all {n:,} {seen}; up to {percent(1 - interval[0])} of future answers may still be wrong."
    span = f"{percent(n_right / n)}, 95% interval {percent(interval[0])} to {percent(interval[1])}, n = {n:,}"
    return f"It {what} {odds(n_right / n)} {seen} ({span})."


def more_labels(there: int, twice: LearningPoint) -> str:
    """What twice as many labelled rows should bring, with its doubt.

    Args:
        there: labelled rows that there are.
        twice: the point read off for twice as many.
    """
    low, high = (f"{g * 100:.1f}".replace("-", "−") for g in twice.gain_ci95)
    points = f"{twice.gain * 100:.1f} points of accuracy (95% interval {low} to {high})"
    rows = f"Twice as many labelled rows ({twice.n:,} in place of {there:,})"
    if twice.gain_ci95[1] < LITTLE:
        return f"{rows} of the same kind would bring little: about {points}."
    if twice.gain_ci95[1] - twice.gain_ci95[0] > WIDE:
        return f"{rows} may bring anything from {low} to {high} points of accuracy: too few rows to say more."
    return f"{rows} should bring about {points}."


def cautions(
    *,
    split: str,
    n: int,
    n_missing: int,
    interval: tuple[float, float],
    forced_gap: float,
    classes: Sequence[ClassRow],
    opponents: Sequence[Opponent],
    looks: int,
    ece: float | None,
    suspects: float | None,
    error: float,
    warnings: Sequence[str],
    n_checked: int,
    n_checked_right: int,
) -> tuple[Caution, ...]:
    """What the data cannot support, most serious first."""
    found = [
        *about_labels(n, n_checked, n_checked_right),
        *about_rows(split, n, n_missing, interval),
        *_about_classes(classes),
        *about_opponents(opponents),
        *about_trust(looks, ece, suspects, error, forced_gap),
    ]
    found += [Caution("snapshot", w) for w in warnings]
    return tuple(found)


def about_labels(n: int, n_checked: int, n_right: int) -> list[Caution]:
    """Labels that nobody gave: agreeing with a rule is not being right."""
    if n_checked == n:
        return []
    of = f"{n - n_checked:,} of the {n:,} labels here are what rules and models vote, and nobody has looked"
    if not n_checked:
        return [Caution("guessed", f"{of}: how often the model is right is not known. Label some by hand.")]
    low, high = wilson(n_right, n_checked)
    return [
        Caution(
            "guessed",
            f"{of}. On the {n_checked:,} that people or a file labelled it is right on {percent(n_right / n_checked)} "
            f"(95% interval {percent(low)} to {percent(high)}); they are no random draw from all, so take it as a "
            "hint.",
        )
    ]


def about_rows(split: str, n: int, n_missing: int, interval: tuple[float, float]) -> list[Caution]:
    """Too few rows, rows of another split than the test, rows that are gone."""
    found = []
    if split == "valid":
        found.append(Caution("not_test", "These rows helped to choose the model, so the numbers flatter it."))
    if split == "train":
        found.append(
            Caution("not_test", "The model was fitted on these rows: this says what it remembers, not how good it is.")
        )
    if n < FEW or interval[1] - interval[0] > 0.1:
        found.append(
            Caution(
                "few_rows",
                f"Only {n:,} texts to test on: the true accuracy may lie anywhere from {percent(interval[0])} to "
                f"{percent(interval[1])}. About {rows_for_width(0.06):,} rows would narrow that to ± 3 points.",
            )
        )
    if n_missing:
        found.append(Caution("missing", f"{n_missing:,} rows of this split were forgotten since and are not measured."))
    return found


def rows_for_width(width: float) -> int:
    """Rows that a 95% interval of at most *width* needs at 80% accuracy, rounded to tens."""
    return round(1.96**2 * 0.16 / (width / 2) ** 2 / 10) * 10


def _about_classes(classes: Sequence[ClassRow]) -> list[Caution]:
    unseen = [c.name for c in classes if c.n and not c.n_train]
    absent = [c.name for c in classes if not c.n]
    thin = [c.name for c in classes if 0 < c.n < THIN]
    found = []
    if unseen:
        found.append(
            Caution(
                "unseen_class",
                f"{names(unseen)} {_has(unseen)} no training row: such texts must go wrong.",
            )
        )
    if absent:
        found.append(Caution("untested_class", f"{names(absent)} {_has(absent)} no test row: nothing is known there."))
    if thin:
        found.append(
            Caution(
                "thin_class",
                f"{names(thin)} {_has(thin)} fewer than {THIN} test rows: too few to judge.",
            )
        )
    return found


def names(values: Sequence[str], most: int = 4) -> str:
    """A list in words, cut short.

    Example:
        >>> names(["a", "b", "c"], most=2)
        '"a", "b" and 1 more'
    """
    shown = [f'"{v[:60]}"' for v in values[:most]]
    left = len(values) - len(shown)
    if left:
        return f"{', '.join(shown)} and {left:,} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _has(values: Sequence[Any]) -> str:
    return "has" if len(values) == 1 else "have"


def about_opponents(opponents: Sequence[Opponent | ObjectOpponent]) -> list[Caution]:
    """Simple means that do as well."""
    found = []
    for other in opponents:
        if other.verdict == "better":
            continue
        how = "does worse than" if other.verdict == "worse" else "could not be told from"
        rows = "row" if other.n_more == 1 else "rows"
        more = f" About {other.n_more:,} more test {rows} would settle it." if other.n_more else ""
        found.append(
            Caution(
                "baseline",
                f"The model {how} a simple baseline ({other.name}: {percent(other.accuracy)}) on these rows.{more}",
            )
        )
    return found


def compared(ours: str, theirs: str, o: Opponent | ObjectOpponent, of: str = "") -> str:
    """Two models by their names: which is better, and by how much; *of*: what is counted, with a blank before it."""
    low, high = (abs(x) * 100 for x in o.difference_ci95)
    both = f"({percent(o.accuracy + o.difference)} against {percent(o.accuracy)}{of}, n = {o.n:,})"
    if o.verdict == "undecided":
        more = f" About {o.n_more:,} more test rows would tell." if o.n_more else ""
        return f"{ours} and {theirs} cannot be told apart on these texts {both}.{more}"
    near, far = min(low, high), max(low, high)
    gap = abs(o.difference) * 100
    return f"{ours} is {o.verdict} than {theirs} by {gap:.1f} points, 95% interval {near:.1f} to {far:.1f} {both}."


def about_trust(
    looks: int, ece: float | None, suspects: float | None, error: float, forced_gap: float
) -> list[Caution]:
    """Test texts that were looked at often, confidence that is no probability, labels in doubt, refusals."""
    found = []
    if looks > 5:
        found.append(
            Caution(
                "looks",
                f"{looks} model versions have been measured on this test split. The best of many looks better than it "
                "is: confirm it on fresh rows.",
            )
        )
    if ece is not None and ece > 0.05:
        found.append(
            Caution("calibration", f"Its confidence is off by {percent(ece)} on average: it is no probability.")
        )
    if suspects is not None and error > 0 and suspects >= 0.5 * error:
        found.append(
            Caution(
                "label_noise",
                f"Up to {percent(suspects)} of the test labels look wrong themselves, so part of the {percent(error)} "
                "errors may be the labels'. Read the contradicted rows below.",
            )
        )
    if forced_gap > 0.005:
        found.append(
            Caution(
                "refusals",
                f'If it always had to name a class, {percent(forced_gap)} more would be right: those it answered "none '
                'of these".',
            )
        )
    return found
