"""The Evaluation in the terminal: the same content as the report, in a screen or two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from homegrown.core.plain import one_line
from homegrown.evaluate.report.render import ms, points, size, span
from homegrown.evaluate.sentences import percent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

WORST = 10


def show(document: Mapping[str, Any], texts: Mapping[str, str], console: Console | None = None) -> None:
    """Print an Evaluation. Names and texts are plain text: terminal codes and markup in them do nothing.

    Args:
        document: as ``evaluate`` returns it.
        texts: of the records that it names.
        console: where to; standard output when None.
    """
    (console or Console(highlight=False)).print(Group(*_parts(document, texts)))


def _parts(e: Mapping[str, Any], texts: Mapping[str, str]) -> list[RenderableType]:
    parts: list[RenderableType] = [Text(f"{one_line(e['model'])}  ·  {one_line(e['task'])}", style="bold green"), ""]
    parts += [Text(e["sentence"], style="bold"), "", _headline(e)]
    parts += [Padding(Text(f"! {one_line(c['text'])}", style="yellow"), (0, 0, 0, 1)) for c in e["cautions"]]
    for title, table in (
        ("Against simpler means", _opponents(e)),
        ("What it mixes up", _confusions(e, texts)),
        ("Answer less, be right more often", _coverage(e)),
        (f"Weakest classes (of {len(e['classes'])})", _classes(e)),
        ("Where it is worse than elsewhere", _slices(e)),
    ):
        if table is not None and table.row_count:
            parts += ["", Text(title, style="bold"), table]
    if e["learning"]:
        parts += ["", Text("What more labels would bring", style="bold"), Text(e["learning"]["sentence"])]
    return parts


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    for name in columns:
        fixed = name.startswith(">") or name in ("95% interval", "verdict")
        table.add_column(name.removeprefix(">"), justify="right" if name.startswith(">") else "left", no_wrap=fixed)
    return table


def _cell(text: str, most: int = 60) -> str:
    return escape(one_line(text, most))


def _headline(e: Mapping[str, Any]) -> Table:
    table = _table("", ">value", "95% interval", ">n")
    rows = [("every class right" if e["multi"] else "accuracy", e["accuracy"], e["accuracy_ci95"], e["n"])]
    if e["micro_f1"] is not None:
        rows.append(("micro F1", e["micro_f1"], e["micro_f1_ci95"], e["n"]))
    rows.append(("macro F1", e["macro_f1"], e["macro_f1_ci95"], e["n"]))
    rows.append(("weighted F1", e["weighted_f1"], e["weighted_f1_ci95"], e["n"]))
    if e["out_of_scope"]:
        o = e["out_of_scope"]
        rows.append(("out of scope found", o["recall"], o["recall_ci95"], o["n_out"]))
    for name, value, interval, n in rows:
        table.add_row(name, percent(value), span(interval), f"{n:,}")
    if e["calibration"]:
        c = e["calibration"]
        table.add_row("confidence off by", percent(c["ece"]), span(c["ece_ci95"]), f"{c['n']:,}")
    speed = e["latency"]
    table.add_row("one answer", ms(speed["p50_ms"]), f"p95 {ms(speed['p95_ms'])}", f"{speed['n']:,}")
    table.add_row("in bulk", f"{speed['bulk_per_s']:,.0f}/s", _cell(speed["machine"], 30), f"{speed['bulk_n']:,}")
    table.add_row("size", size(e["size_bytes"]), f"recipe {_cell(e['recipe'])}", "")
    return table


def _opponents(e: Mapping[str, Any]) -> Table:
    table = _table("answered by", ">right", ">we lead by", "95% interval", "verdict")
    verdicts = {"better": "[green]✓ better[/]", "worse": "[red]✗ worse[/]", "undecided": "[yellow]? could be chance[/]"}
    for o in [*([e["comparison"]] if e["comparison"] else []), *e["opponents"]]:
        low, high = o["difference_ci95"]
        more = f" (about {o['n_more']:,} more rows would tell)" if o["n_more"] else ""
        verdict, between = verdicts[o["verdict"]] + more, f"{points(low)} to {points(high)}"
        table.add_row(
            _cell(o["name"]),
            percent(o["accuracy"]),
            points(o["difference"]),
            between,
            verdict,
        )
    return table


def _confusions(e: Mapping[str, Any], texts: Mapping[str, str]) -> Table:
    table = _table("really", "answered", ">texts", "for example")
    for c in e["confusions"][:WORST]:
        example = next((texts[i] for i in c["record_ids"] if i in texts), "")
        nothing = "[italic]nothing[/]" if e["multi"] else "[italic]none of these[/]"
        really, said = (nothing if c[side] is None else _cell(c[side], 40) for side in ("truth", "answer"))
        table.add_row(really, said, f"{c['n']} of {c['of']}", f"[dim]{_cell(example)}[/]")
    return table


def _coverage(e: Mapping[str, Any]) -> Table | None:
    if not e["coverage"]:
        return None
    table = _table(">to be right in", ">it answers", ">texts", "95% interval", ">confidence from")
    for w in e["coverage"]["wanted"]:
        found = ("none", "", "", "")
        if w["n"]:
            found = (percent(w["coverage"]), f"{w['n']:,}", span(w["accuracy_ci95"]), f"{w['threshold']:.2f}")
        table.add_row(percent(w["wanted"]), *found)
    return table


def _classes(e: Mapping[str, Any]) -> Table:
    table = _table("class", ">learnt from", ">tested on", ">found", "95% interval", ">trusted", ">F1")
    for c in sorted(e["classes"], key=lambda c: c["f1"])[:WORST]:
        found = (percent(c["recall"]), span(c["recall_ci95"])) if c["n"] else ("–", "no test row")
        trusted = percent(c["precision"]) if c["n_answered"] else "–"
        table.add_row(_cell(c["name"], 48), f"{c['n_train']:,}", f"{c['n']:,}", *found, trusted, f"{c['f1']:.2f}")
    return table


def _slices(e: Mapping[str, Any]) -> Table:
    table = _table("field", "value", ">texts", ">right", "95% interval", ">p (Holm)")
    for s in e["slices"]:
        if s["worse"]:
            table.add_row(
                _cell(s["field"]), _cell(s["value"]), f"{s['n']:,}", percent(s["accuracy"]), span(s["accuracy_ci95"]),
                f"{s['p_holm']:.3f}",
            )  # fmt: skip
    return table
