"""The evaluation of a model of objects in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from homegrown.core.plain import one_line
from homegrown.evaluate.report.render import ms, points, size, span
from homegrown.evaluate.sentences import percent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from homegrown.evaluate.object_errors import DocumentShown

_SHOWN = 5
_VERDICT = {"better": "✓ better", "worse": "✗ worse", "undecided": "? could be chance"}


def object_lines(document: Mapping[str, Any], errors: Sequence[DocumentShown] = ()) -> list[str]:
    """The same content as the report, in a screen or two.

    Args:
        document: as ``evaluate_objects`` returns it.
        errors: documents with wrong answers, of which the first are shown.
    """
    e = document
    found = [e["sentence"], f"{e['model']} ({e['recipe']}) on the {e['split']} split"]
    found += [f"! {one_line(c['text'], 400)}" for c in e["cautions"]]
    found += ["", *_fields(e)]
    if e["not_learnt"]:
        found.append(f"Not answered by this model: {', '.join(e['not_learnt'])}.")
    if e["n"]:
        found += ["", *_whole(e)]
    if worse := [s for s in e["slices"] if s["worse"]]:
        found += ["", "Worse than elsewhere:"]
        found += [
            f"  {one_line(s['field'])} = {one_line(s['value'])}: {percent(s['accuracy'])} of {s['n']:,}" for s in worse
        ]
    shown = [d for d in errors if d.pieces][:_SHOWN]
    if shown:
        found += ["", "Wrong, the surest first (field: answered, instead of):"]
        for one in shown:
            wrong = [f for f in one.fields if f.state not in ("right", "unknown")]
            found += [
                f"  {one.record_id}  {f.name}: “{one_line(f.said, 60)}” ({f.prob:.0%}), "
                f"instead of “{one_line(f.truth, 60)}”"
                for f in wrong
            ]
    return found


def _fields(e: Mapping[str, Any]) -> list[str]:
    width = max(5, *(len(f["name"]) for f in e["fields"]))
    found = [
        f"  {'field':{width}}      n   to the letter   in what it means (95% interval)   sure   spans: F1, in part"
    ]
    for f in e["fields"]:
        s = f["spans"]
        spans = f"   {s['exact_f1']:.1%}, {s['partial_f1']:.1%}" if s else ""
        right = f"{percent(f['normalised'])} ({span(f['normalised_ci95'])})"
        found.append(
            f"  {f['name']:{width}} {f['n']:6,}   {f['exact']:13.1%}   {right:29} {f['mean_prob']:6.1%}{spans}".rstrip()
        )
        told = [(f["invented"], "invented"), (f["missed"], "missed"), (f["wrong"], "something else")]
        if any(n for n, _ in told):
            found.append(f"  {'':{width}}          " + ", ".join(f"{n} {word}" for n, word in told if n))
    return found


def _whole(e: Mapping[str, Any]) -> list[str]:
    found = [
        f"Whole objects: right in {percent(e['accuracy'])} ({span(e['accuracy_ci95'])}), to the letter "
        f"{percent(e['exact'])} ({span(e['exact_ci95'])}), n = {e['n']:,}"
    ]
    for o in [*([e["comparison"]] if e["comparison"] else []), *e["opponents"]]:
        low, high = (points(x) for x in o["difference_ci95"])
        found.append(
            f"  against {one_line(o['name'])}: {percent(o['accuracy'])}, we lead by {points(o['difference'])} points "
            f"({low} to {high}) {_VERDICT[o['verdict']]}"
        )
        found += [
            f"    {one_line(g['name'])}: {points(g['difference'])} points {_VERDICT[g['verdict']]}"
            for g in o["fields"]
            if g["verdict"] != "undecided"
        ]
    c = e["calibration"]
    found.append(f"  its probability is off by {percent(c['ece'])} ({span(c['ece_ci95'])}) on average")
    for w in e["coverage"]["wanted"]:
        if w["n"]:
            found.append(
                f"  to be right in {percent(w['wanted'])} it can answer {percent(w['coverage'])} ({w['n']:,} texts, "
                f"from probability {w['threshold']:.2f})"
            )
    t = e["latency"]
    found.append(
        f"One answer takes {ms(t['p50_ms'])} (19 of 20 within {ms(t['p95_ms'])}, n = {t['n']:,}), in bulk "
        f"{t['bulk_per_s']:,.0f} texts/s; {size(e['size_bytes'])}"
    )
    return found
