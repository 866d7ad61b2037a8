"""The views that a query sees: every noun under its own name, with names beside ids and JSON as JSON."""

# ruff: noqa: S608 - every name that stands in these statements is written in this module
from __future__ import annotations

from dataclasses import dataclass

from homegrown.query.nouns import SQL_NOUNS
from homegrown.store import tables


@dataclass(frozen=True, slots=True)
class View:
    """One queryable table.

    Attributes:
        needs: what is registered before it: raw tables (``_name``) and other views.
        about: one line for a person.
    """

    needs: tuple[str, ...]
    sql: str
    about: str


# ``fields`` stays the JSON text that it is: ->> reads it as well, and a cast would parse every row twice.
_RECORD = "record_id, text, fields, source, source_id, external_id, n_chars, text_hash, created_at"

_VOTES = """
SELECT v.vote_id, v.task_id, t.name AS task, v.record_id, v.label_source_id, s.kind, s.name AS label_source,
  v.value::JSON AS value, c.class_id, c.name AS class, v.confidence, v.actor_id, v.supersedes, v.created_at
FROM (
  SELECT NULL::VARCHAR AS vote_id, task_id, record_id, label_source_id, value, confidence::DOUBLE AS confidence,
    NULL::VARCHAR AS actor_id, NULL::VARCHAR AS supersedes, created_at FROM _bulk_votes
  UNION ALL
  SELECT vote_id, task_id, record_id, label_source_id, value, confidence, actor_id, supersedes, created_at FROM _votes
) v
LEFT JOIN _tasks t ON t.task_id = v.task_id
LEFT JOIN _label_sources s ON s.label_source_id = v.label_source_id
LEFT JOIN _class_meanings m
  ON m.is_one AND m.task_id = v.task_id AND m.voted_id = (v.value::JSON ->> 'class')
LEFT JOIN _classes c ON c.task_id = m.task_id AND c.class_id = m.class_id
"""

_LABELS = """
WITH standing AS (
  SELECT v.vote_id, v.task_id, v.record_id, coalesce((s.config::JSON ->> 'review')::BOOLEAN, false) AS settles
  FROM _votes v LEFT JOIN _label_sources s USING (label_source_id)
  WHERE v.value IS NOT NULL AND v.vote_id NOT IN (SELECT supersedes FROM _votes WHERE supersedes IS NOT NULL)
), heard AS (
  SELECT vote_id, task_id, record_id FROM standing
  WHERE settles OR (task_id, record_id) NOT IN (SELECT (task_id, record_id) FROM standing WHERE settles)
), newest AS (
  SELECT label_source_id FROM (
    SELECT label_source_id, config FROM _label_sources
    QUALIFY row_number() OVER (PARTITION BY task_id, kind, name ORDER BY version DESC) = 1
  ) WHERE (config::JSON -> 'removed') IS NULL
), said AS (
  SELECT task_id, task, record_id, label_source_id, vote_id, value
  FROM votes
  WHERE value IS NOT NULL AND (vote_id IN (SELECT vote_id FROM heard)
    OR (vote_id IS NULL AND (task_id, record_id) NOT IN (SELECT (task_id, record_id) FROM heard)
      AND label_source_id IN (SELECT label_source_id FROM newest)))
), many AS (
  SELECT * EXCLUDE value, unnest(list_distinct((value -> 'classes')::VARCHAR[])) AS voted_id
  FROM said WHERE (value -> 'classes') IS NOT NULL
), meant AS (
  SELECT s.task_id, s.task, s.record_id, s.vote_id, m.class_id, m.share
  FROM said s JOIN _class_meanings m ON m.task_id = s.task_id AND m.voted_id = (s.value ->> 'class')
  UNION ALL
  SELECT s.task_id, s.task, s.record_id, s.vote_id, m.class_id, max(m.share) AS share
  FROM many s JOIN _class_meanings m USING (task_id, voted_id)
  GROUP BY s.task_id, s.task, s.record_id, s.label_source_id, s.vote_id, m.class_id
), counted AS (
  SELECT task_id, task, record_id, class_id, sum(share) AS n_votes, bool_or(vote_id IS NOT NULL) AS gold
  FROM meant GROUP BY ALL
)
SELECT n.record_id, n.task_id, n.task, n.class_id, c.name AS class,
  n.n_votes / sum(n.n_votes) FILTER (WHERE c.name IS NOT NULL) OVER w AS prob, n.n_votes, n.gold
FROM counted n LEFT JOIN _classes c USING (task_id, class_id)
WINDOW w AS (PARTITION BY n.task_id, n.record_id)
QUALIFY c.name IS NOT NULL
  AND coalesce(sum(n.n_votes) FILTER (WHERE c.name IS NULL) OVER w, 0) <= sum(n.n_votes) OVER w / 2
  AND (c.task_kind = 'classes' OR row_number() OVER (
    PARTITION BY n.task_id, n.record_id ORDER BY c.name IS NULL, n.gold DESC, n.n_votes DESC, c.position) = 1)
"""

_SOURCES = """
SELECT s.source_id, s.name, v.version, v.n_records, v.n_added, v.n_quarantined, v.text_column, v.label_column,
  s.created_at, v.created_at AS imported_at
FROM _sources s LEFT JOIN _source_versions v ON v.source_id = s.source_id
QUALIFY row_number() OVER (PARTITION BY s.source_id ORDER BY v.version DESC) = 1
"""

_TASKS = """
SELECT t.task_id, t.name, v.version, v.kind, json_array_length(v.classes::JSON) AS n_classes, v.guidelines,
  v.label_column, t.created_at
FROM _tasks t JOIN _task_versions v ON v.task_id = t.task_id
QUALIFY row_number() OVER (PARTITION BY t.task_id ORDER BY v.version DESC) = 1
"""

# Columns of the database that hold JSON text, by table.
_JSON = {
    "source_versions": ("options",),
    "task_versions": ("classes", "moved"),
    "label_sources": ("config",),
    "snapshots": ("n_by_split", "details"),
    "runs": ("recipe", "details"),
    "model_versions": ("classes", "details"),
    "evaluations": ("result",),
    "endpoints": ("config",),
    "traces": ("answer",),
    "feedback": ("value",),
    "jobs": ("arguments", "progress", "result"),
    "embedders": ("config",),
    "tombstones": ("touched",),
    "events": ("details",),
    "issues": ("details",),
    "upstreams": ("config",),
    "upstream_answers": ("answer",),
}
# Names shown beside ids: table → (alias of the name column, table to join, key).
_NAMED = {
    "source_versions": ("source", "sources", "source_id"),
    "quarantine": ("source", "sources", "source_id"),
    "label_sources": ("task", "tasks", "task_id"),
    "snapshots": ("task", "tasks", "task_id"),
    "runs": ("task", "tasks", "task_id"),
    "models": ("task", "tasks", "task_id"),
    "model_versions": ("model", "models", "model_id"),
    "aliases": ("model", "models", "model_id"),
    "deployments": ("endpoint", "endpoints", "endpoint_id"),
    "traces": ("endpoint", "endpoints", "endpoint_id"),
    "events": ("actor", "actors", "actor_id"),
    "assignments": ("task", "tasks", "task_id"),
    "comments": ("task", "tasks", "task_id"),
    "issues": ("task", "tasks", "task_id"),
    "upstream_answers": ("upstream", "upstreams", "upstream_id"),
}
_ABOUT = {
    "projects": "units of ownership",
    "actors": "people, keys and the system",
    "grants": "who has which role",
    "source_versions": "every import of every source",
    "quarantine": "rows that could not be read, with file, line and reason",
    "task_versions": "every version of every task",
    "label_sources": "who votes: people, rules, models, imported columns",
    "snapshots": "frozen data sets",
    "runs": "trainings",
    "models": "models by name",
    "model_versions": "immutable versions of models",
    "aliases": "champion and challenger",
    "evaluations": "results of evaluations, as JSON",
    "endpoints": "names that clients call",
    "deployments": "which version answered behind an endpoint, and when",
    "traces": "answered requests",
    "feedback": "what was said of answers",
    "selections": "saved queries",
    "jobs": "scheduled work",
    "embedders": "encoders that made vectors",
    "tombstones": "what was forgotten, without its content",
    "events": "the event log: who did what to what",
    "assignments": "records that wait for a person, or did",
    "comments": "what people said of a record, and asked about the guidelines",
    "issues": "what is doubtful about records and labels, and what was decided",
    "derivations": "records made from other records, by masking for instance",
    "upstreams": "model APIs outside",
    "upstream_answers": "what they answered, and what it cost",
}


def _plain(name: str) -> View:
    columns = [
        f'n."{c}"::JSON AS "{c}"' if c in _JSON.get(name, ()) else f'n."{c}"'
        for c in tables.ALL[name].c.keys()  # noqa: SIM118 (not a dictionary)
    ]
    needs, join = (f"_{name}",), ""
    if name in _NAMED:
        alias, other, key = _NAMED[name]
        columns.append(f"o.name AS {alias}")
        needs, join = (f"_{name}", f"_{other}"), f" LEFT JOIN _{other} o ON o.{key} = n.{key}"
    return View(needs, f"SELECT {', '.join(columns)} FROM _{name} n{join}", _ABOUT[name])


VIEWS: dict[str, View] = {
    "records": View(
        ("_records", "_retired"),
        f"SELECT {_RECORD} FROM _records ANTI JOIN _retired USING (record_id)",
        "current records: text, fields (JSON), source",
    ),
    "all_records": View(
        ("_records",), f"SELECT {_RECORD} FROM _records", "records of older source versions too, for lineage"
    ),
    "record_versions": View(
        ("_record_versions",), f"SELECT {_RECORD} FROM _record_versions", "earlier content of rows with an id"
    ),
    "origins": View(("_origins",), "SELECT * FROM _origins", "where each record came from, per import"),
    "votes": View(
        ("_bulk_votes", "_votes", "_tasks", "_label_sources", "_classes", "_class_meanings"),
        _VOTES,
        "every opinion on every record",
    ),
    "labels": View(
        ("votes", "_votes", "_label_sources", "_classes", "_class_meanings"),
        _LABELS,
        "the votes of each record added up; a snapshot may weigh them",
    ),
    "tasks": View(("_tasks", "_task_versions"), _TASKS, "tasks in their newest version"),
    "classes": View(("_classes",), "SELECT * FROM _classes", "classes of each task"),
    "sources": View(("_sources", "_source_versions"), _SOURCES, "sources with their newest import"),
    "snapshot_rows": View(("_snapshot_rows",), "SELECT * FROM _snapshot_rows", "which record is in which split"),
    "vectors": View(("_vectors",), "SELECT * FROM _vectors", "vectors by text and embedder"),
    **{n: _plain(n) for n in SQL_NOUNS if n in _ABOUT},
}
# Without retired records the anti-join is left out: a scan then reads only the columns that the query names.
RECORDS_ALL_CURRENT = f"SELECT {_RECORD} FROM _records"


def order_of(names: set[str]) -> list[str]:
    """*names* and all that they need, each after what it needs."""
    found: list[str] = []

    def add(name: str) -> None:
        if name in found:
            return
        if name in VIEWS:
            for need in VIEWS[name].needs:
                add(need)
        found.append(name)

    for name in sorted(names):
        add(name)
    return found
