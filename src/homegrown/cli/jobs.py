"""``homegrown jobs``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from homegrown.cli.common import emit, json_option, workspace_option
from homegrown.jobs import Job, JobQueue
from homegrown.workspace import connect


@click.group("jobs")
def command() -> None:
    """See, cancel and repeat what runs in the background."""


@command.command("list")
@click.option("--limit", default=20, show_default=True)
@workspace_option
@json_option
def list_jobs(limit: int, workspace: Path, as_json: bool) -> None:
    """Jobs, newest first."""
    with connect(workspace) as ws:
        found = JobQueue(ws.store.db).list(limit)
    lines = [_line(job) for job in found]
    emit([asdict(j) for j in found], "\n".join(lines) or "No jobs yet.", as_json=as_json)


@command.command("show")
@click.argument("job_id")
@workspace_option
@json_option
def show(job_id: str, workspace: Path, as_json: bool) -> None:
    """One job: how far it is, or how it ended."""
    with connect(workspace) as ws:
        job = JobQueue(ws.store.db).get(job_id)
    emit(asdict(job), _line(job), as_json=as_json)


@command.command("cancel")
@click.argument("job_id")
@workspace_option
def cancel(job_id: str, workspace: Path) -> None:
    """Stop a job at its next checkpoint; what was finished is kept."""
    with connect(workspace) as ws:
        JobQueue(ws.store.db).cancel(ws.store.actor, job_id)
    click.echo(f"{job_id} will stop at its next checkpoint.")


@command.command("again")
@click.argument("job_id")
@workspace_option
def again(job_id: str, workspace: Path) -> None:
    """Put the same work in the queue once more."""
    with connect(workspace) as ws:
        queue = JobQueue(ws.store.db)
        old = queue.get(job_id)
        new = queue.submit(ws.store.actor, old.verb, old.arguments)
    click.echo(f"{new} waits in the queue.")


def _line(job: Job) -> str:
    far = ""
    if job.progress and job.status == "running":
        total = f"/{job.progress['total']:,}" if job.progress.get("total") else ""
        far = f"  {job.progress['stage']}: {job.progress['done']:,}{total} {job.progress['unit']}"
    why = f"  {job.error}" if job.error else ""
    return f"{job.job_id}  {job.status:<9}  {job.verb:<9}  {job.created_at[:19]}{far}{why}"
