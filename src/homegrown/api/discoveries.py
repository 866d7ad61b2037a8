"""Start without classes, as JSON: find groups, look at them, name, merge and split them, make them classes, undo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from homegrown.api.schemas import Limit, Name, Strict
from homegrown.core.access import Permission
from homegrown.errors import InputError
from homegrown.jobs import JobQueue
from homegrown.web.answers import json_response
from homegrown.web.route import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from homegrown.core.discovery import Cluster, Discovery
    from homegrown.web.call import Call

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class GroupCheckOut(msgspec.Struct):
    """What somebody found among the texts of a group; `low` and `high` are the 95% interval of the share."""

    n: int
    n_right: int
    share: float
    low: float
    high: float


class GroupOut(msgspec.Struct):
    """A group of like records; `record_ids` are its most central ones, `class_id` the class that it became."""

    cluster_id: str
    name: str
    terms: list[str]
    n_records: int
    record_ids: list[str]
    class_id: str | None
    label_source_id: str | None
    check: GroupCheckOut | None


class DiscoveryOut(msgspec.Struct):
    """The groups of some records, the largest first; `undoes` says what `undo` would take back."""

    discovery_id: str
    created_at: str
    sources: list[str]
    task_id: str | None
    n_records: int
    n_texts: int
    n_left: int
    n_outliers: int
    undoes: str | None
    clusters: list[GroupOut]


class EarlierOut(msgspec.Struct):
    """A list of groups in short."""

    discovery_id: str
    created_at: str
    task_id: str | None
    n_records: int
    n_clusters: int
    n_classes: int


class DiscoveriesOut(msgspec.Struct):
    """Lists of groups, the newest first."""

    discoveries: list[EarlierOut]


class GroupTextOut(msgspec.Struct):
    """A record of a group."""

    record_id: str
    text: str


class GroupSampleOut(msgspec.Struct):
    """Texts of a group drawn at random, the same ones each time: to be read before it becomes a class."""

    records: list[GroupTextOut]


class GroupJobOut(msgspec.Struct):
    """The job that finds the groups; its result names them by `discovery_id`."""

    job_id: str


class GroupClassOut(msgspec.Struct):
    """What became of a group; `n_votes` records carry its vote, none where too few of the sample belong."""

    task_id: str
    class_id: str
    n_votes: int
    sentence: str
    cluster: GroupOut


class DiscoveryQuery(msgspec.Struct):
    """How many of each group's central records are named."""

    n: Limit = 3


class DiscoverBody(Strict):
    """Which records to group: of some sources or all; for a task, only those that no class of it covers yet."""

    sources: Annotated[list[Name], msgspec.Meta(max_length=1000)] = msgspec.field(default_factory=list)
    task_id: _Id | None = None
    uncovered: bool = False
    seed: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0


class RenameGroupBody(Strict):
    """A name for a group."""

    name: Name


class MergeGroupsBody(Strict):
    """Groups that become one, and its name; the largest one's where none is given."""

    cluster_ids: Annotated[list[_Id], msgspec.Meta(min_length=2, max_length=1000)]
    name: Name | None = None


class GroupClassBody(Strict):
    """The class that a group becomes, and which records of its sample do not belong.

    `task` names a new or present task where the discovery has none yet.
    """

    name: Name
    task: Name | None = None
    wrong: Annotated[list[_Id], msgspec.Meta(max_length=100)] = msgspec.field(default_factory=list)


def _group(one: Cluster, n: int) -> GroupOut:
    c = one.check
    return GroupOut(
        one.cluster_id, one.name, list(one.terms), one.n_records, list(one.record_ids[:n]), one.class_id,
        one.label_source_id, GroupCheckOut(c.n, c.n_right, c.share, c.low, c.high) if c else None,
    )  # fmt: skip


def _found(found: Discovery, n: int = 3) -> Response:
    out = DiscoveryOut(
        found.discovery_id, found.created_at, list(found.sources), found.task_id, found.n_records, found.n_texts,
        found.n_left, len(found.outliers), found.steps[-1].what if found.steps else None,
        [_group(c, n) for c in found.clusters],
    )  # fmt: skip
    return json_response(out)


def _at(call: Call) -> tuple[str, str]:
    return call.path["discovery_id"], call.path["cluster_id"]


def earlier(call: Call) -> Response:
    """What was found before."""
    rows = [
        EarlierOut(
            d.discovery_id, d.created_at, d.task_id, d.n_records, len(d.clusters),
            sum(c.class_id is not None for c in d.clusters),
        )
        for d in call.ws.store.discoveries.list()
    ]  # fmt: skip
    return json_response(DiscoveriesOut(rows))


def start(call: Call) -> Response:
    """Queue the finding of groups; when this answers it is durable. What is not there is told now, not by the job."""
    body: DiscoverBody = call.body
    if body.task_id is not None:
        call.ws.store.tasks.get(body.task_id)
    elif body.uncovered:
        raise InputError("Name the task whose classes are looked at to leave out what they cover.")
    known = {source.name for source in call.ws.store.sources.list()}
    strange = next((name for name in body.sources if name not in known), None)
    if strange is not None:
        raise InputError(f"There is no source {strange!r}. Sources here: {', '.join(sorted(known)) or 'none yet'}.")
    queue, arguments = JobQueue(call.ws.store.db), msgspec.to_builtins(body)
    return json_response(GroupJobOut(queue.submit(call.actor, "discover", arguments, key=call.idempotency_key)))


def discovery(call: Call) -> Response:
    """The groups of one list."""
    return _found(call.ws.store.discoveries.get(call.path["discovery_id"]), call.query.n)


def sample(call: Call) -> Response:
    """Texts of a group to look at."""
    texts = call.ws.cluster_sample(*_at(call))
    return json_response(GroupSampleOut([GroupTextOut(i, text) for i, text in texts.items()]))


def rename(call: Call) -> Response:
    """Give a group a name."""
    return _found(call.ws.rename_cluster(*_at(call), call.body.name))


def split(call: Call) -> Response:
    """Put a group's own parts in its place."""
    return _found(call.ws.split_cluster(*_at(call)))


def merge(call: Call) -> Response:
    """Make one group of several."""
    body: MergeGroupsBody = call.body
    return _found(call.ws.merge_clusters(call.path["discovery_id"], body.cluster_ids, body.name or ""))


def undo(call: Call) -> Response:
    """Take the last change of the groups back."""
    return _found(call.ws.undo_clusters(call.path["discovery_id"]))


def make_class(call: Call) -> Response:
    """Make a class of a group whose sample was looked at."""
    body: GroupClassBody = call.body
    discovery_id, cluster_id = _at(call)
    found = call.ws.store.discoveries.get(discovery_id)
    task = call.ws.store.tasks.get(found.task_id) if found.task_id else body.task
    if task is None:
        raise InputError("Give the task a name: what is asked of each record, such as intent or topic.")
    done = call.ws.class_of_cluster(discovery_id, cluster_id, task, body.name, body.wrong)
    class_id = str(done.cluster.class_id)
    return json_response(
        GroupClassOut(done.task.task_id, class_id, done.n_votes, done.sentence, _group(done.cluster, 3))
    )


def take_back(call: Call) -> Response:
    """A group votes for nothing any more and is no class; the class stays, and so does what people said."""
    return json_response(_group(call.ws.take_back_class(*_at(call)), 3))


_PATH = "/api/v1/discoveries"
_ONE = f"{_PATH}/{{discovery_id}}"
_GROUP = f"{_ONE}/clusters/{{cluster_id}}"
ROUTES = (
    Route(_PATH, earlier, Permission.READ, answer=DiscoveriesOut, summary="Lists of groups that were found before."),
    Route(
        _PATH, start, Permission.BUILD, methods=("POST",), body=DiscoverBody, answer=GroupJobOut,
        summary="Queue the finding of groups of like records.",
    ),
    Route(
        _ONE, discovery, Permission.READ, query=DiscoveryQuery, answer=DiscoveryOut,
        summary="Groups of like records, with what became of them.",
    ),
    Route(
        f"{_ONE}/merge", merge, Permission.BUILD, methods=("POST",), body=MergeGroupsBody, answer=DiscoveryOut,
        summary="Make one group of several.",
    ),
    Route(
        f"{_ONE}/undo", undo, Permission.BUILD, methods=("POST",), answer=DiscoveryOut,
        summary="Take the last merge, split or renaming back.",
    ),
    Route(
        f"{_GROUP}/sample", sample, Permission.READ, answer=GroupSampleOut,
        summary="Texts of a group to read before it becomes a class.",
    ),
    Route(
        f"{_GROUP}/rename", rename, Permission.BUILD, methods=("POST",), body=RenameGroupBody, answer=DiscoveryOut,
        summary="Give a group a name.",
    ),
    Route(
        f"{_GROUP}/split", split, Permission.BUILD, methods=("POST",), answer=DiscoveryOut,
        summary="Put a group's own parts in its place.",
    ),
    Route(
        f"{_GROUP}/class", make_class, Permission.BUILD, methods=("POST",), body=GroupClassBody, answer=GroupClassOut,
        summary="Make a class of a group whose sample was looked at.",
    ),
    Route(
        f"{_GROUP}/class", take_back, Permission.BUILD, methods=("DELETE",), answer=GroupOut,
        summary="Let a group vote no more; what people said of its records stays.",
    ),
)  # fmt: skip
