"""Evaluate: every model with its figure, the report on one, and two of them compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.responses import Response

from homegrown.core.access import Permission
from homegrown.studio import charts, documents, scores, words
from homegrown.studio.answer import show
from homegrown.studio.view import AsCode, Figure, Rung, ladder_floor
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.models import ModelVersion
    from homegrown.web import Call
    from homegrown.workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class ModelRow:
    """A version in the list."""

    model_id: str
    name: str
    aliases: tuple[str, ...]
    recipe: str
    accuracy: Figure | None
    ms: str
    size: str
    at: str
    href: str


@dataclass(frozen=True, kw_only=True)
class ModelsPage:
    """Every version, newest first."""

    template: ClassVar[str] = "evaluate/models.html"
    models: tuple[ModelRow, ...]
    floor: float
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric with its doubt, and what it means for somebody who has not met it."""

    name: str
    value: str
    doubt: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """`n` of `n_actual` records of the class `actual` were answered `predicted`."""

    actual: str
    predicted: str
    n: int
    n_actual: int
    examples: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Point:
    """Answering the share `coverage`, those at least as sure as `threshold`, is right in `accuracy` of them."""

    coverage: float
    threshold: float
    accuracy: Figure


@dataclass(frozen=True, kw_only=True)
class ClassLine:
    """One class."""

    name: str
    recall: Figure
    precision: float
    f1: float


@dataclass(frozen=True, kw_only=True)
class SliceLine:
    """The records whose `field` is `value`."""

    field: str
    value: str
    accuracy: Figure
    is_worse: bool


@dataclass(frozen=True, kw_only=True)
class OpponentLine:
    """Another way to answer the same records."""

    name: str
    accuracy: Figure
    verdict: str


@dataclass(frozen=True, kw_only=True)
class ReportPage:
    """One model, measured."""

    template: ClassVar[str] = "evaluate/report.html"
    model_id: str
    name: str
    sentence: str
    meaning: str
    measured_as: str
    accuracy: Figure | None
    metrics: tuple[Metric, ...]
    cautions: tuple[str, ...]
    coverage: tuple[Point, ...]
    coverage_chart: dict[str, Any] | None
    calibration_chart: dict[str, Any] | None
    confusions: tuple[Confusion, ...]
    more_labels: str
    classes: tuple[ClassLine, ...]
    fields: tuple[documents.FieldLine, ...]
    documents: tuple[documents.Document, ...]
    not_learnt: str
    slices: tuple[SliceLine, ...]
    opponents: tuple[OpponentLine, ...]
    rungs: tuple[Rung, ...]
    floor: float
    made: tuple[tuple[str, str], ...]
    download_href: str
    answers_as: str
    as_code: AsCode


def listing(call: Call) -> Response:
    """``GET /evaluate``."""
    champions = call.ws.store.models.aliases()
    rows = tuple(_model_row(call.ws, v, champions) for v in call.ws.store.models.versions()[:200])
    lows = [row.accuracy.low for row in rows if row.accuracy]
    page = ModelsPage(
        models=rows,
        floor=max(0.0, int(10 * min(lows)) / 10) if lows else 0.0,
        as_code=AsCode(
            cli="homegrown evaluate",
            python="ws.store.models.versions()",
            sql="select model, number, recipe, created_at from model_versions order by created_at desc",
        ),
    )
    return show(call, page)


def _model_row(ws: Workspace, version: ModelVersion, aliases: dict[str, list[str]]) -> ModelRow:
    result = scores.evaluation(ws, version.version_id)
    report = version.details.get("report", {})
    latency = (result or {}).get("latency") or {}
    ms = latency.get("p50_ms") or report.get("ms_per_text")
    return ModelRow(
        model_id=version.version_id,
        name=scores.title(version),
        aliases=tuple(aliases.get(version.version_id, ())),
        recipe=version.recipe,
        accuracy=scores.figure(result) if result else None,
        ms=words.duration(ms / 1000) if ms is not None else "",
        size=words.size(version.details.get("size_bytes")),
        at=ws.store.models.created_at(version.version_id),
        href=f"/evaluate/{version.version_id}",
    )


def report(call: Call) -> Response:
    """``GET /evaluate/{model_id}``."""
    version = call.ws.store.models.version(call.path["model_id"])
    result = scores.evaluation(call.ws, version.version_id) or {}
    rungs = scores.rungs(version.details.get("ladder", []), version.recipe)
    points = _points(result)
    name = scores.title(version)
    page = ReportPage(
        model_id=version.version_id,
        name=name,
        sentence=result.get("sentence") or ("" if result else "It was trained, but not measured yet."),
        meaning=words.one_in(1 - result["accuracy"]) if result and not scores.is_guess(result) else "",
        measured_as=scores.measured_as(result) if result else "",
        accuracy=scores.figure(result) if result else None,
        metrics=_metrics(result, version),
        cautions=tuple(c["text"] for c in result.get("cautions", ())),
        coverage=points,
        coverage_chart=charts.coverage(result["coverage"]["curve"]) if points else None,
        calibration_chart=charts.calibration(result["calibration"]["bins"]) if result.get("calibration") else None,
        confusions=_confusions(call.ws, result),
        more_labels=(result.get("learning") or {}).get("sentence", ""),
        classes=_classes(result),
        fields=documents.field_lines(result),
        documents=documents.wrong_documents(call.ws, result),
        not_learnt=", ".join(result.get("not_learnt", ())),
        slices=_slices(result),
        opponents=_opponents(result),
        rungs=rungs,
        floor=ladder_floor(rungs),
        made=_made(call.ws, version),
        answers_as=", ".join(e.name for e in call.ws.store.endpoints.list() if e.version_id == version.version_id),
        download_href=f"/evaluate/{version.version_id}/report.html" if result else "",
        as_code=AsCode(
            cli=f"homegrown evaluate {version.model_name}@{version.number}",
            python=f'ws.evaluate("{version.model_name}@{version.number}")',
            sql=f"select result from evaluations where version_id = '{version.version_id}'",
        ),
    )
    return show(call, page)


def _between(pair: list[float] | None) -> str:
    return f"{words.percent(pair[0])} to {words.percent(pair[1])}" if pair else ""


def _metrics(result: dict[str, Any], version: ModelVersion) -> tuple[Metric, ...]:
    found = []
    if "macro_f1" in result:
        found.append(Metric(name="Macro F1", value=words.percent(result["macro_f1"]),
                            doubt=_between(result.get("macro_f1_ci95")),
                            meaning="Every class counts the same, however rare it is."))  # fmt: skip
    if "exact" in result:
        found.append(Metric(name="Right to the letter", value=words.percent(result["exact"]),
                            doubt=_between(result.get("exact_ci95")),
                            meaning="Every field is the same, letter for letter; the figure beside lets case, "
                            "marks and zeros aside."))  # fmt: skip
    if result.get("calibration"):
        found.append(Metric(name="Calibration error", value=words.percent(result["calibration"]["ece"]),
                            doubt=_between(result["calibration"].get("ece_ci95")),
                            meaning="Of the answers given with 80% confidence, about 80% should be right. "
                            "This is how far off that is, on average."))  # fmt: skip
    scope = result.get("out_of_scope")
    if scope:
        found.append(Metric(name="Finds what is none of these", value=words.percent(scope["recall"]),
                            doubt=_between(scope.get("recall_ci95")),
                            meaning="Of the records that belong to no class, the share answered so."))  # fmt: skip
    latency = result.get("latency")
    if latency:
        found.append(Metric(name="An answer takes", value=words.duration(latency["p50_ms"] / 1000),
                            doubt=f"19 of 20 within {words.duration(latency['p95_ms'] / 1000)}",
                            meaning=f"The median of {latency['n']:,} single texts on {latency['machine']}, "
                            "without the network."))  # fmt: skip
    if version.details.get("size_bytes"):
        found.append(Metric(name="Size", value=words.size(version.details["size_bytes"]), doubt="",
                            meaning="On disk, without the encoder that it shares with others."))  # fmt: skip
    noise = result.get("label_noise")
    if noise and noise.get("n"):
        found.append(Metric(name="Test labels in doubt", value=words.percent(noise["share"]),
                            doubt=_between(noise.get("share_ci95")),
                            meaning="Labels of the test records that the model confidently contradicts. Some are the "
                            "model's mistakes, some the label's."))  # fmt: skip
    return tuple(found)


def _points(result: dict[str, Any]) -> tuple[Point, ...]:
    curve = (result.get("coverage") or {}).get("curve", ())
    return tuple(
        Point(coverage=p["coverage"], threshold=p["threshold"],
              accuracy=Figure(value=p["accuracy"], low=p["accuracy_ci95"][0], high=p["accuracy_ci95"][1], n=p["n"]))
        for p in curve
    )  # fmt: skip


def _confusions(ws: Workspace, result: dict[str, Any]) -> tuple[Confusion, ...]:
    rows = [r for r in result.get("confusions", ()) if r["truth"] != r["answer"]][:10]
    texts = ws.store.records.texts([i for r in rows for i in r["record_ids"][:5]])
    return tuple(
        Confusion(actual=r["truth"] or "none of these", predicted=r["answer"] or "none of these",
                  n=r["n"], n_actual=r["of"],
                  examples=tuple(texts[i] for i in r["record_ids"][:5] if i in texts))
        for r in rows
    )  # fmt: skip


def _classes(result: dict[str, Any]) -> tuple[ClassLine, ...]:
    rows = sorted(result.get("classes", ()), key=lambda r: (r["n"] == 0, r["recall"]))
    return tuple(
        ClassLine(name=r["name"], recall=scores.share(r["recall"], r["n"]), precision=r["precision"], f1=r["f1"])
        for r in rows
    )


def _slices(result: dict[str, Any]) -> tuple[SliceLine, ...]:
    return tuple(
        SliceLine(field=s["field"], value=s["value"], accuracy=scores.figure(s), is_worse=s["worse"])
        for s in result.get("slices", ())
    )


def _opponents(result: dict[str, Any]) -> tuple[OpponentLine, ...]:
    return tuple(
        OpponentLine(name=o["name"], accuracy=scores.figure(o), verdict=_verdict(o))
        for o in result.get("opponents", ())
    )


def _verdict(opponent: dict[str, Any]) -> str:
    """In a word, and of objects the fields on which it is told."""
    told = [f for f in opponent.get("fields", ()) if f["verdict"] != "undecided"]
    by_field = ", ".join(f"{f['name']} {100 * f['difference']:+.1f}".replace("-", "−") for f in told)
    return f"{opponent['verdict']}; points by field: {by_field}" if by_field else opponent["verdict"]


def _made(ws: Workspace, version: ModelVersion) -> tuple[tuple[str, str], ...]:
    snapshot = ws.store.models.snapshot(version.snapshot_id)
    splits = ", ".join(f"{n:,} {split}" for split, n in snapshot.n_by_split.items() if n)
    run = ws.store.models.run(version.run_id)
    facts = (
        ("Recipe", version.recipe),
        ("Fields" if version.is_object else "Classes", f"{len(version.class_names):,}"),
        ("Records", splits),
        ("Seed", str(run["seed"])),
        ("Snapshot", version.snapshot_id),
        ("Run", version.run_id),
        ("Model", version.version_id),
        ("Digest of its files", version.bundle_digest),
        ("Machine", f"{version.details.get('machine', '')}, {version.details.get('threads', '?')} threads"),
    )
    return tuple(facts)


ROUTES = (
    Route("/evaluate", listing, Permission.READ, shape=Shape.PAGE),
    Route("/evaluate/{model_id}", report, Permission.READ, shape=Shape.PAGE),
)
