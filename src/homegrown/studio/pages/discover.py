"""Label: start without classes. Groups of like records, named, merged, split, and made classes after a look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from starlette.responses import Response

from homegrown import label
from homegrown.core.access import Permission
from homegrown.errors import InputError
from homegrown.studio import words, work
from homegrown.studio.answer import asked, go, posted, show
from homegrown.studio.guide import label_more
from homegrown.studio.view import AsCode, Done, NextStep
from homegrown.web import Route, Shape

if TYPE_CHECKING:
    from homegrown.core.discovery import Cluster, Discovery
    from homegrown.core.tasks import Task
    from homegrown.web import Call
    from homegrown.workspace import Workspace

EXAMPLES = 3
TERMS = 5
OUTLIERS = 5
#: share of all records below which a group is no longer worth a page of its own
SMALL = 0.01


@dataclass(frozen=True, kw_only=True)
class SourceChoice:
    """A source whose records can be grouped."""

    name: str
    n_records: int


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A list of clusters that was found before."""

    href: str
    at: str
    n_clusters: int
    n_records: int
    n_classes: int


@dataclass(frozen=True, kw_only=True)
class BeginPage:
    """Where one begins without classes, or looks at what the classes of a task leave uncovered."""

    template: ClassVar[str] = "label/discover.html"
    task_id: str
    task: str
    sources: tuple[SourceChoice, ...]
    n_records: int
    n_uncovered: int
    earlier: tuple[Earlier, ...]
    may_build: bool
    job_id: str
    job_words: str
    job_share: float | None
    job_problem: str
    found_href: str
    came: Done | None
    as_code: AsCode


@dataclass(frozen=True, kw_only=True)
class ClusterRow:
    """A cluster in the list."""

    cluster_id: str
    href: str
    name: str
    n_records: int
    n_twins: int
    terms: tuple[str, ...]
    examples: tuple[str, ...]
    is_class: bool
    n_covered: int


@dataclass(frozen=True, kw_only=True)
class ClustersPage:
    """The clusters of some records, with what became of them."""

    template: ClassVar[str] = "label/clusters.html"
    discovery_id: str
    task: str
    task_id: str
    clusters: tuple[ClusterRow, ...]
    outliers: tuple[tuple[str, str], ...]
    n_outliers: int
    n_records: int
    n_texts: int
    n_left: int
    n_uncovered: int
    took: str
    done: Done | None
    may_build: bool
    step: NextStep | None
    as_code: AsCode

    @property
    def has_step(self) -> bool:
        """Naming goes on here while large groups have no class."""
        return self.step is not None


@dataclass(frozen=True, kw_only=True)
class ClusterPage:
    """One cluster, with the sample to look at before it becomes a class."""

    template: ClassVar[str] = "label/cluster.html"
    has_step: ClassVar[bool] = True
    discovery_id: str
    cluster_id: str
    name: str
    n_records: int
    n_twins: int
    terms: tuple[str, ...]
    sample: tuple[tuple[str, str], ...]
    task_id: str
    task: str
    class_names: tuple[str, ...]
    checked: str
    is_class: bool
    next_href: str
    may_build: bool
    as_code: AsCode


def begin(call: Call) -> Response:
    """``GET /label/discover`` and ``GET /label/tasks/{task_id}/discover``."""
    ws = call.ws
    task = ws.store.tasks.get(call.path["task_id"]) if "task_id" in call.path else None
    job_id = asked(call, "job")
    job = work.queue(ws).get(job_id) if job_id else None
    done = job is not None and job.status == "succeeded" and job.result
    waits = job is not None and job.status in ("queued", "running")
    whole = "HX-Request" not in call.request.headers  # a look at the job takes nothing else of the page
    page = BeginPage(
        task_id=task.task_id if task else "",
        task=task.name if task else "",
        sources=tuple(SourceChoice(name=s.name, n_records=s.n_records) for s in ws.store.sources.list()),
        n_records=ws.store.records.count(),
        n_uncovered=_uncovered(ws, task) if task and whole else 0,
        earlier=_earlier(ws, task) if whole else (),
        may_build=call.actor.may(Permission.BUILD),
        job_id=job_id if waits else "",
        job_words=work.said(job) if job else "",
        job_share=work.share(job) if job else None,
        job_problem=(job.error or "It was stopped.") if job and job.status in ("failed", "cancelled") else "",
        came=_came(ws, asked(call, "came")),
        found_href=f"/label/discover/{job.result['discovery_id']}" if job and done and job.result else "",
        as_code=AsCode(
            cli="homegrown label discover" + (f" --task {words.shell(task.name)} --uncovered" if task else ""),
            python=f"ws.discover(task={task.name!r}, uncovered=True)" if task else "ws.discover()",
        ),
    )
    if page.found_href and whole:
        return go(page.found_href)
    return show(call, page)


def _came(ws: Workspace, name: str) -> Done | None:
    """What is said after a file without labels came in."""
    source = next((s for s in ws.store.sources.list() if s.name == name), None) if name else None
    if source is None:
        return None
    return Done(
        sentence=f"{words.plural(source.n_records, 'record')} came in from {source.name}.",
        more="Nobody has said what they are. Find groups of like ones, and name those that you recognise.",
    )


def _uncovered(ws: Workspace, task: Task) -> int:
    counts = ws.task_counts(task)
    return max(counts.n_records - counts.n_voted, 0)


def _earlier(ws: Workspace, task: Task | None) -> tuple[Earlier, ...]:
    return tuple(
        Earlier(
            href=f"/label/discover/{d.discovery_id}",
            at=d.created_at,
            n_clusters=len(d.clusters),
            n_records=d.n_records,
            n_classes=sum(c.class_id is not None for c in d.clusters),
        )
        for d in ws.store.discoveries.list()
        if task is None or d.task_id == task.task_id
    )


def start(call: Call) -> Response:
    """``POST /label/discover``: find clusters, as a job."""
    task_id = posted(call, "task_id") or None
    if task_id:
        call.ws.store.tasks.get(task_id)
    sources = [value for value in call.form.getlist("source") if isinstance(value, str) and value]
    uncovered = bool(task_id) and posted(call, "uncovered") == "yes"
    arguments = {"sources": sources, "task_id": task_id, "uncovered": uncovered}
    job_id = work.submit(call.ws, call.actor, "discover", arguments)
    where = f"/label/tasks/{task_id}/discover" if task_id else "/label/discover"
    return go(f"{where}?job={job_id}")


def clusters(call: Call) -> Response:
    """``GET /label/discover/{discovery_id}``."""
    ws = call.ws
    found = ws.store.discoveries.get(call.path["discovery_id"])
    task = ws.store.tasks.get(found.task_id) if found.task_id else None
    grouped = [r for c in found.clusters for r in (*c.record_ids, *c.twins)] + list(found.outliers)
    covered = label.covered_records(ws.store, task, grouped) if task else set[str]()
    shown = [r for c in found.clusters for r in c.record_ids[:EXAMPLES]] + list(found.outliers[:OUTLIERS])
    texts = ws.store.records.texts(shown)
    rows = tuple(_row(found, c, texts, covered) for c in found.clusters)
    page = ClustersPage(
        discovery_id=found.discovery_id,
        task=task.name if task else "",
        task_id=task.task_id if task else "",
        clusters=rows,
        outliers=tuple((r, texts[r]) for r in found.outliers[:OUTLIERS] if r in texts),
        n_outliers=len(found.outliers),
        n_records=found.n_records,
        n_texts=found.n_texts,
        n_left=found.n_left,
        n_uncovered=found.n_records - sum(row.n_covered for row in rows) - len(covered & set(found.outliers)),
        took=words.duration(found.seconds),
        done=_done(call, found),
        may_build=call.actor.may(Permission.BUILD),
        step=_step(rows, found.n_records, task.task_id if task else "", asked(call, "said")),
        as_code=AsCode(
            cli=f"homegrown label discover --show {found.discovery_id}",
            python=f'ws.store.discoveries.get("{found.discovery_id}").clusters',
            sql="select label_source, class, count(*) from votes where kind = 'rule' group by all",
        ),
    )
    return show(call, page)


def _step(rows: tuple[ClusterRow, ...], n_records: int, task_id: str, said: str) -> NextStep | None:
    """Name the next group, the largest after the one that was named last; once what is left is small, label by keys."""
    named = sum(row.n_records for row in rows if row.is_class)
    after = next((at + 1 for at, row in enumerate(rows) if row.cluster_id == said), 0)
    left = [row for row in rows[after:] if not row.is_class and row.n_covered < row.n_records / 2]
    largest = max(left, key=lambda row: row.n_records, default=None)
    if largest and (not task_id or largest.n_records >= SMALL * n_records):
        share = f"Groups that are a class hold {words.percent(named / n_records, 0)} of the records. " if named else ""
        return NextStep(
            title=f"Read ten texts of “{largest.name}”",
            reason=f"{share}This group of {words.plural(largest.n_records, 'record')} has no class yet.",
            action="Read them",
            href=largest.href,
        )
    return label_more(task_id, n_records - named) if task_id else None


def _row(found: Discovery, cluster: Cluster, texts: dict[str, str], covered: set[str]) -> ClusterRow:
    return ClusterRow(
        cluster_id=cluster.cluster_id,
        href=f"/label/discover/{found.discovery_id}/{cluster.cluster_id}",
        name=cluster.name,
        n_records=cluster.n_records,
        n_twins=len(cluster.twins),
        terms=cluster.terms[:TERMS],
        examples=tuple(texts[r] for r in cluster.record_ids[:EXAMPLES] if r in texts),
        is_class=cluster.class_id is not None,
        n_covered=len(covered.intersection(cluster.record_ids)) + len(covered.intersection(cluster.twins)),
    )


def _done(call: Call, found: Discovery) -> Done | None:
    """What was done last, with the way back."""
    said = asked(call, "said")
    made = next((c for c in found.clusters if c.cluster_id == said and c.check), None) if said else None
    if made and made.check:
        fields = (("discovery_id", found.discovery_id), ("cluster_id", made.cluster_id))
        return Done(
            sentence=f"“{made.name}” is a class now: {made.check.n_right} of {made.check.n} looked at belong.",
            more="The rest of the group votes for it."
            if made.label_source_id
            else "Too few belong to speak for the rest: it got no votes. Split the group, or label one by one.",
            undo="/label/discover/back",
            fields=fields,
        )
    if not found.steps:
        return None
    return Done(
        sentence=f"{found.steps[-1].what}.", undo="/label/discover/undo", fields=(("discovery_id", found.discovery_id),)
    )


def cluster(call: Call) -> Response:
    """``GET /label/discover/{discovery_id}/{cluster_id}``."""
    ws = call.ws
    found = ws.store.discoveries.get(call.path["discovery_id"])
    one = label.cluster_of(found, call.path["cluster_id"])
    task = ws.store.tasks.get(found.task_id) if found.task_id else None
    check = one.check
    page = ClusterPage(
        discovery_id=found.discovery_id,
        cluster_id=one.cluster_id,
        name=one.name,
        n_records=one.n_records,
        n_twins=len(one.twins),
        terms=one.terms,
        sample=tuple(ws.cluster_sample(found.discovery_id, one.cluster_id).items()),
        task_id=task.task_id if task else "",
        task=task.name if task else "",
        class_names=task.class_names if task else (),
        checked=words.with_doubt(check.share, check.low, check.high, check.n) if check else "",
        is_class=one.class_id is not None,
        next_href=_next_group(found, one),
        may_build=call.actor.may(Permission.BUILD),
        as_code=AsCode(
            cli=f"homegrown label discover --show {found.discovery_id} --sample {one.cluster_id}",
            python=f'ws.class_of_cluster("{found.discovery_id}", "{one.cluster_id}", TASK, NAME, wrong=[])',
        ),
    )
    return show(call, page)


def _next_group(found: Discovery, one: Cluster) -> str:
    """The group after *one* that is no class yet; the list where there is none."""
    here = [c.cluster_id for c in found.clusters].index(one.cluster_id)
    after = next((c for c in found.clusters[here + 1 :] if c.class_id is None), None)
    return f"/label/discover/{found.discovery_id}" + (f"/{after.cluster_id}" if after else "")


def merge(call: Call) -> Response:
    """``POST /label/discover/merge``."""
    chosen = [value for value in call.form.getlist("cluster") if isinstance(value, str)]
    found = call.ws.merge_clusters(posted(call, "discovery_id"), chosen, posted(call, "name"))
    return go(f"/label/discover/{found.discovery_id}")


def split(call: Call) -> Response:
    """``POST /label/discover/split``."""
    found = call.ws.split_cluster(posted(call, "discovery_id"), posted(call, "cluster_id"))
    return go(f"/label/discover/{found.discovery_id}")


def rename(call: Call) -> Response:
    """``POST /label/discover/rename``."""
    found = call.ws.rename_cluster(posted(call, "discovery_id"), posted(call, "cluster_id"), posted(call, "name"))
    return go(f"/label/discover/{found.discovery_id}")


def undo(call: Call) -> Response:
    """``POST /label/discover/undo``: take the last merge, split or renaming back."""
    found = call.ws.undo_clusters(posted(call, "discovery_id"))
    return go(f"/label/discover/{found.discovery_id}")


def classed(call: Call) -> Response:
    """``POST /label/discover/class``: make a class of a cluster whose sample was looked at."""
    ws, discovery_id = call.ws, posted(call, "discovery_id")
    found = ws.store.discoveries.get(discovery_id)
    task: Task | str = ws.store.tasks.get(found.task_id) if found.task_id else posted(call, "task")
    if not task:
        raise InputError("Give the task a name: what is asked of each record, such as intent or topic.")
    wrong = [value for value in call.form.getlist("wrong") if isinstance(value, str)]
    done = ws.class_of_cluster(discovery_id, posted(call, "cluster_id"), task, posted(call, "name"), wrong)
    return go(f"/label/discover/{discovery_id}?" + words.query_string(said=done.cluster.cluster_id))


def back(call: Call) -> Response:
    """``POST /label/discover/back``: a class of a cluster votes no more."""
    discovery_id = posted(call, "discovery_id")
    call.ws.take_back_class(discovery_id, posted(call, "cluster_id"))
    return go(f"/label/discover/{discovery_id}")


def _posts(path: str, handler: object) -> Route:
    return Route(path, handler, Permission.BUILD, methods=("POST",), shape=Shape.PAGE, form=True)  # type: ignore[arg-type]


ROUTES: tuple[Route, ...] = (
    Route("/label/discover", begin, Permission.READ, shape=Shape.PAGE),
    _posts("/label/discover", start),
    _posts("/label/discover/merge", merge),
    _posts("/label/discover/split", split),
    _posts("/label/discover/rename", rename),
    _posts("/label/discover/undo", undo),
    _posts("/label/discover/class", classed),
    _posts("/label/discover/back", back),
    Route("/label/tasks/{task_id}/discover", begin, Permission.READ, shape=Shape.PAGE),
    Route("/label/discover/{discovery_id}", clusters, Permission.READ, shape=Shape.PAGE),
    Route("/label/discover/{discovery_id}/{cluster_id}", cluster, Permission.READ, shape=Shape.PAGE),
)
