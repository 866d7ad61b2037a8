"""``homegrown label discover``: groups of like records, before there are classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from homegrown.cli.common import TerminalProgress, emit, json_option, workspace_option
from homegrown.core.plain import one_line
from homegrown.errors import InputError
from homegrown.workspace import connect

if TYPE_CHECKING:
    from homegrown.core.discovery import Discovery
    from homegrown.workspace import Workspace

_EXAMPLES = 2


@click.command("discover")
@click.argument("sources", nargs=-1)
@click.option("--task", help="Task that the classes are for; default: the first class that is made creates one.")
@click.option("--uncovered", is_flag=True, help="Only records that no class of --task covers yet.")
@click.option("--show", "discovery_id", help="Show clusters that were found before, by their id.")
@click.option(
    "--make", "cluster_id", help="With --show: turn this cluster into a class of --task, its sample looked at."
)
@click.option("--name", help="With --make: name of the class; default: the cluster's.")
@click.option("--wrong", multiple=True, help="With --make: record of the sample that does not belong. Repeatable.")
@click.option("--sample", "sample_id", help="With --show: print the sample of this cluster, to be looked at.")
@click.option("--seed", default=0, show_default=True)
@workspace_option
@json_option
def command(
    sources: tuple[str, ...],
    task: str | None,
    uncovered: bool,
    discovery_id: str | None,
    cluster_id: str | None,
    name: str | None,
    wrong: tuple[str, ...],
    sample_id: str | None,
    seed: int,
    workspace: Path,
    as_json: bool,
) -> None:
    """Group like records of SOURCES (default: all), find how many groups there are, and name them."""
    if discovery_id is None and (cluster_id or sample_id):
        raise InputError("--make and --sample go with --show ID.")
    with connect(workspace) as ws:
        if discovery_id is None:
            if not as_json:
                ws.progress = TerminalProgress()
            found = ws.discover(*sources, task=task, uncovered=uncovered, seed=seed)
        else:
            found = ws.store.discoveries.get(discovery_id)
        if sample_id is not None:
            texts = ws.cluster_sample(found.discovery_id, sample_id)
            emit({"sample": texts}, "\n".join(f"{i}  {one_line(t)}" for i, t in texts.items()), as_json=as_json)
        elif cluster_id is not None:
            if not task:
                raise InputError("Name the task of the class with --task.")
            old = next((c.name for c in found.clusters if c.cluster_id == cluster_id), "")
            done = ws.class_of_cluster(found.discovery_id, cluster_id, task, name or old, wrong)
            emit(msgspec.to_builtins(done), done.sentence, as_json=as_json)
        else:
            emit(msgspec.to_builtins(found), lambda: _table(ws, found), as_json=as_json)


def _table(ws: Workspace, found: Discovery) -> str:
    lines = [
        f"{len(found.clusters)} clusters in {found.n_records:,} records ({found.n_texts:,} texts that differ), "
        f"{len(found.outliers):,} like no other; {found.seconds:.1f} s. {found.discovery_id}"
    ]
    shown = ws.store.records.texts([r for c in found.clusters for r in c.record_ids[:_EXAMPLES]])
    for cluster in found.clusters:
        state = "  (a class)" if cluster.class_id else ""
        lines.append(f"{cluster.n_records:6,}  {cluster.name}{state}  [{cluster.cluster_id}]")
        lines += [f"        {one_line(shown[r])}" for r in cluster.record_ids[:_EXAMPLES] if r in shown]
    return "\n".join(lines)
