"""The verdict on each field of documents, by people where calls were drawn for them, else by the upstream alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from homegrown.evaluate.judged_documents import marks
from homegrown.evaluate.shadowed import shadowed
from homegrown.evaluate.verdict import give_verdict

if TYPE_CHECKING:
    from homegrown.evaluate.shadowed import Pair, Shadowed
    from homegrown.metrics.gold_sample import Estimate

_KEPT = ("verdict", "against", "n", "n_differ", "n_more", "agreement", "agreement_ci95", "sentence", "not_told")


def field_verdicts(found: Shadowed, *, margin: float, level: float) -> list[dict[str, Any]]:
    """The verdict on each field: of all calls that hold it, as if it were the only one.

    Calls are drawn where documents differ in anything, so that every call on which a field differs is drawn. The first
    on which it differs, and of which people have not settled this field, ends its stream; other fields go on. Each is a
    verdict of its own at *level*; the one on whole documents decides.

    Returns:
        Of each: ``field, verdict, against, sentence, n, n_differ, n_more, n_gold, agreement, agreement_ci95,
        difference, interval, not_told``, and where people answered ``student_accuracy`` and ``incumbent_accuracy`` with
        their intervals.
    """
    told = []
    for name in dict.fromkeys(name for pair in found.pairs for name in pair.fields):
        mine = of_field(found, name)
        said = give_verdict(mine.answers(), margin=margin, level=level)
        one = {"field": name, **{k: said[k] for k in _KEPT}}
        one |= {k: said["overall"][k] for k in ("difference", "interval")}
        seen = of_field(replace(found, pairs=found.judged), name)  # behind them nobody looked, wherever they agree
        told.append(one | accuracies_told(seen.accuracies()))
    return told


def of_field(found: Shadowed, name: str) -> Shadowed:
    """The calls whose documents hold a field, as far as that field goes."""
    return shadowed([_of_field(pair, name) for pair in found.pairs if name in pair.fields])


def _of_field(pair: Pair, name: str) -> Pair:
    one = pair.fields[name]
    said = marks(agrees=one.agrees, ours=one.ours, theirs=one.theirs)
    return replace(pair, agrees=one.agrees, differs=not pair.agrees, fields={}, **said._asdict())


def accuracies_told(found: tuple[Estimate, Estimate] | None) -> dict[str, Any]:
    """Accuracy of both by a person's answers, where there are any."""
    told: dict[str, Any] = {}
    for name, one in zip(("student", "incumbent"), found or (), strict=False):
        told |= {f"{name}_accuracy": one.value, f"{name}_accuracy_ci95": one.ci95, f"{name}_n_gold": one.n}
    return told
