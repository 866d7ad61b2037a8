"""What several pages show: the next step, a figure with its doubt, a rung of the ladder, the page as code."""

from __future__ import annotations

from dataclasses import dataclass

from homegrown import plugins


@dataclass(frozen=True, kw_only=True)
class AsCode:
    """The same page from a terminal, from Python and as SQL; each may be empty."""

    cli: str
    python: str
    sql: str = ""


@dataclass(frozen=True, kw_only=True)
class NextStep:
    """The one most useful thing to do now: what, why, and where."""

    title: str
    reason: str
    action: str
    href: str


@dataclass(frozen=True, kw_only=True)
class Done:
    """What was just done, with the form that takes it back: posts `fields` to `undo`; both empty when nothing can."""

    sentence: str
    more: str = ""
    undo: str = ""
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A share with its 95% interval and the number of records it was measured on."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One rung of the ladder of models. `state` is waiting, running, done or skipped; `note` says why it stopped."""

    name: str
    says: str
    state: str
    score: Figure | None = None
    ms: str = ""
    size: str = ""
    took: str = ""
    note: str = ""
    is_chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Hint:
    """A sentence of advice: `kind` is info, good, doubt or wrong."""

    kind: str
    title: str
    text: str


@dataclass(frozen=True, kw_only=True)
class RecipeChoice:
    """A recipe one can pick, in plain words."""

    name: str
    says: str
    is_chosen: bool = False


#: What each built-in recipe is, for somebody who has never trained a model.
RECIPES = {
    "auto": "the smallest model that is good enough",
    "lexical": "words and parts of words",
    "static": "averaged word vectors, very fast",
    "linear": "a sentence encoder with a small head",
    "views": "a sentence encoder and parts of words together",
    "finetune": "the encoder itself learns too, slowest",
    "fields": "answers with fields, each learned by itself",
}


def recipe_choices() -> tuple[RecipeChoice, ...]:
    """The recipes that are installed here, the ladder first, then its rungs from the smallest, then plug-ins."""
    known = plugins.names("homegrown.trainers")
    ordered = [name for name in RECIPES if name in known] + [name for name in known if name not in RECIPES]
    return tuple(
        RecipeChoice(name=name, says=RECIPES.get(name, "a plug-in"), is_chosen=name == default_recipe())
        for name in ordered
    )


def default_recipe() -> str:
    """The ladder where it is installed, else the frozen encoder with a head."""
    known = plugins.names("homegrown.trainers")
    return next((name for name in ("auto", "linear") if name in known), known[0])


def ladder_floor(rungs: tuple[Rung, ...]) -> float:
    """Where the drawn scale of a ladder begins: a round share below every interval, so that differences can be seen."""
    lows = [rung.score.low for rung in rungs if rung.score]
    return max(0.0, int(20 * min(lows)) / 20 - 0.05) if lows else 0.0
