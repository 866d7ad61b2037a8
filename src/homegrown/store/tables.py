"""The SQL tables as SQLAlchemy sees them. The truth is ``migrations/*.sql``; a test holds the two together."""

from __future__ import annotations

import sqlalchemy as sa


def _table(name: str, columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(c) for c in columns.split()))


projects = _table("projects", "project_id name created_at")
actors = _table("actors", "actor_id kind name created_at disabled_at")
grants = _table("grants", "actor_id project_id role")
api_keys = _table("api_keys", "key_id actor_id digest prefix created_at expires_at revoked_at last_used_at")
login_links = _table("login_links", "digest actor_id created_at expires_at used_at")
sessions = _table("sessions", "digest actor_id created_at expires_at ended_at")
sources = _table("sources", "source_id project_id name created_at")
source_versions = _table(
    "source_versions",
    "source_id version digest n_records n_added n_quarantined text_column label_column options created_at",
)
quarantine = _table("quarantine", "source_id version file line reason")
tasks = _table("tasks", "task_id project_id name created_at")
task_versions = _table("task_versions", "task_id version kind classes guidelines label_column created_at moved fields")
label_sources = _table("label_sources", "label_source_id project_id task_id kind name version config created_at")
votes = _table(
    "votes",
    "vote_id task_id record_id label_source_id actor_id value confidence rationale client_id supersedes created_at",
)
assignments = _table(
    "assignments", "assignment_id task_id record_id actor_id reason created_at expires_at closed_at outcome"
)
comments = _table("comments", "comment_id task_id record_id actor_id kind text client_id created_at resolved_at answer")
issues = _table(
    "issues", "issue_id task_id record_id other_id kind score details state decided_by decided_at created_at"
)
derivations = _table("derivations", "record_id from_record_id kind created_at")
upstreams = _table("upstreams", "upstream_id project_id name base_url config created_at")
upstream_keys = _table("upstream_keys", "upstream_id sealed created_at")
upstream_answers = _table(
    "upstream_answers", "digest upstream_id text_hash answer n_tokens_in n_tokens_out cost_usd created_at"
)
snapshots = _table("snapshots", "snapshot_id task_id task_version n_by_split details created_at")
runs = _table("runs", "run_id task_id snapshot_id recipe seed status details error started_at ended_at")
models = _table("models", "model_id project_id name task_id created_at")
model_versions = _table(
    "model_versions",
    "version_id model_id number task_version run_id snapshot_id recipe classes multi bundle_digest details created_at",
)
aliases = _table("aliases", "model_id alias version_id")
evaluations = _table("evaluations", "evaluation_id version_id snapshot_id split result created_at")
endpoints = _table("endpoints", "endpoint_id project_id name task_id keep_text config created_at")
deployments = _table("deployments", "deployment_id endpoint_id version_id state created_at ended_at")
traces = _table(
    "traces",
    "trace_id endpoint_id version_id actor_id route status input_hash text answer prob latency_s created_at",
)
feedback = _table("feedback", "feedback_id trace_id actor_id value created_at")
selections = _table("selections", "selection_id project_id name sql created_at")
jobs = _table(
    "jobs",
    "job_id project_id verb arguments status progress result error actor_id "
    "created_at started_at ended_at cancel_requested_at attempts",
)
embedders = _table("embedders", "embedder_id config created_at")
tombstones = _table("tombstones", "tombstone_id subject n_records touched actor_id created_at")
routes = _table("routes", "route_id project_id name config created_at")
captured = _table(
    "captured",
    "trace_id project_id origin route_id wire model actor_id upstream_id version_id state status is_stream request "
    "response template_id n_tokens_in n_tokens_out cost_usd latency_s first_token_s tags error created_at ended_at",
)
repeats = _table("repeats", "key_digest request_digest trace_id status headers body created_at")
templates = _table("templates", "template_id project_id task_id state details created_at")
shadow_answers = _table("shadow_answers", "trace_id version_id answer prob agrees latency_s created_at")
audits = _table("audits", "trace_id version_id kind weight home upstream gold created_at settled_at")
prices = _table("prices", "price_id project_id subject kind details is_simulated valid_from noted_at")
settings = _table("settings", "name value")
events = _table("events", "seq event_id project_id actor_id action resource details created_at")

ALL: dict[str, sa.TableClause] = {v.name: v for v in list(globals().values()) if isinstance(v, sa.TableClause)}
