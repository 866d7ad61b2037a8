"""What stands round every page: the project, who is signed in, the loop as a menu, what runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from homegrown.studio.view import NextStep
from homegrown.studio.words import compact, plural

#: name, address, icon, group, further words to find it by
_MENU = (
    ("Overview", "/", "overview", "loop", "home start next step"),
    ("Ingest", "/ingest", "ingest", "loop", "import upload file add data csv"),
    ("Query", "/query/records", "query", "loop", "records search sql find"),
    ("Label", "/label", "label", "loop", "task classes guidelines votes annotate"),
    ("Curate", "/curate", "curate", "loop", "issues review doubtful duplicates personal data mask clean"),
    ("Train", "/train", "train", "loop", "learn ladder run recipe"),
    ("Evaluate", "/evaluate", "evaluate", "loop", "models report accuracy compare"),
    ("Serve", "/serve", "serve", "loop", "deploy endpoint api rollback"),
    ("Gateway", "/gateway", "gateway", "loop", "route upstream switch shadow calls capture openai base_url"),
    ("Monitor", "/monitor", "monitor", "loop", "traffic calls tasks found import langfuse savings"),
    ("Cost", "/cost", "cost", "rest", "price charges break-even own rent api plan hardware energy"),
    ("Jobs", "/jobs", "jobs", "rest", "progress cancel log running"),
    ("Govern", "/govern", "govern", "rest", "audit events who"),
)

#: what somebody sees who may label and nothing else
_LABELLING = (("Label", "/label/mine", "label", "loop", "station tasks next"),)

_ACTIONS = (
    ("Add data from a file", "/ingest", "import upload csv excel drop"),
    ("Ask a new question of records", "/label", "task classes new"),
    ("Review what is doubtful", "/curate/issues", "issues keep relabel drop mask merge"),
    ("Find tasks in your traffic", "/monitor", "calls templates import gateway api bill"),
    ("Point a program at the gateway", "/gateway", "base_url openai key snippet curl upstream"),
    ("Read calls that passed", "/gateway/calls", "captured traces gateway traffic"),
    ("Run SQL", "/query", "select query duckdb"),
    ("See when owning pays", "/cost", "cost break-even price api rent"),
    ("Plan a model by its size", "/cost/plan", "memory parameters gpu card fit"),
    ("Try a model", "/serve/playground", "playground predict ask answer"),
    ("Compare two models", "/evaluate", "paired difference"),
)


class Waits(NamedTuple):
    """How much waits for somebody in a room, and what it is."""

    n: int
    says: str

    @classmethod
    def of(cls, n: int, what: str) -> Waits:
        """*n* of *what*: ``Waits.of(38, "case")`` says "38 cases wait"."""
        return cls(n, f"{plural(n, what)} {'waits' if n == 1 else 'wait'}")


@dataclass(frozen=True, kw_only=True)
class MenuItem:
    """One line of the menu; `count` of what `waits` there for somebody, empty where nothing does."""

    name: str
    href: str
    icon: str
    group: str
    words: str
    is_here: bool
    count: str = ""
    waits: str = ""


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something one can do from the palette."""

    name: str
    href: str
    words: str


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The bar, the menu, the palette and the next step of an answer. `theme` is light, dark or empty (the system's)."""

    project: str
    actor: str
    role: str
    theme: str
    n_jobs: int
    step: NextStep | None
    menu: tuple[MenuItem, ...]
    actions: tuple[Action, ...]
    only_labels: bool = False

    @property
    def initials(self) -> str:
        """Up to two letters for the round mark in the bar."""
        return "".join(word[0] for word in self.actor.split()[:2]).upper() or "–"


def frame(
    *,
    project: str,
    actor: str,
    role: str,
    theme: str,
    n_jobs: int,
    path: str,
    step: NextStep | None = None,
    only_labels: bool = False,
    waiting: Mapping[str, Waits] | None = None,
) -> Frame:
    """The frame of the page at `path`, which ends in `step`; its menu is labelling alone for who only labels.

    `waiting` says by address what waits for somebody there.
    """
    counts = waiting or {}
    menu_rows, action_rows = (_LABELLING, ()) if only_labels else (_MENU, _ACTIONS)
    room = "/" + path.lstrip("/").split("/", 1)[0]
    menu = tuple(
        MenuItem(
            name=name,
            href=href,
            icon=icon,
            group=group,
            words=words,
            is_here=room == "/" + href.lstrip("/").split("/", 1)[0],
            count=compact(counts[href].n) if href in counts and counts[href].n else "",
            waits=counts[href].says if href in counts else "",
        )
        for name, href, icon, group, words in menu_rows
    )
    return Frame(
        project=project,
        actor=actor,
        role=role,
        theme=theme if theme in ("light", "dark") else "",
        n_jobs=n_jobs,
        step=step,
        menu=menu,
        actions=tuple(Action(name=name, href=href, words=words) for name, href, words in action_rows),
        only_labels=only_labels,
    )
