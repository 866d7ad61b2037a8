"""Names, places and dates by Microsoft's Presidio, for who installs it: ``pip install 'homegrown[presidio]'``."""

from __future__ import annotations

from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from homegrown.errors import InputError
from homegrown.inference.masking import SENT_WITHOUT, Masked
from homegrown.inference.personal import Personal, find_personal, replaced
from homegrown.inference.secrets import find_secrets

ENTITIES = ("PERSON", "LOCATION", "NRP", "DATE_TIME")


class PresidioMasker:
    """Masks what patterns with check digits find, and then what Presidio finds beside it; a ``Masker``.

    Args:
        analyzer: a ``presidio_analyzer.AnalyzerEngine``. None takes Presidio's own, which loads its spaCy model.
        language: of the texts.
        entities: of Presidio's names.
        least: the score from which its findings count.

    Raises:
        InputError: Presidio is not installed.

    Example:
        >>> ws.masker = PresidioMasker()  # doctest: +SKIP
    """

    def __init__(
        self,
        analyzer: Any = None,
        *,
        language: str = "en",
        entities: tuple[str, ...] = ENTITIES,
        least: float = 0.5,
    ) -> None:
        try:
            installed = version("presidio-analyzer")
        except PackageNotFoundError as error:
            raise InputError("Presidio is not installed here: pip install 'homegrown[presidio]'") from error
        if analyzer is None:
            from presidio_analyzer import AnalyzerEngine  # pyright: ignore[reportMissingImports]

            analyzer = AnalyzerEngine()
        self._analyzer, self._language, self._entities, self._least = analyzer, language, list(entities), least
        self.version = f"personal 1, presidio {installed} {language} {','.join(entities)} {least:g}"

    def mask(self, text: str) -> Masked:
        """*text* with each finding replaced by its kind in brackets; where two overlap the pattern's stands."""
        found: list[Personal] = list(find_secrets(text))
        for one in [*find_personal(text, SENT_WITHOUT), *self._seen(text)]:
            if not any(one.start < other.end and other.start < one.end for other in found):
                found.append(one)
        found.sort(key=lambda one: one.start)
        return Masked(replaced(text, found), dict(Counter(one.kind for one in found)))

    def _seen(self, text: str) -> list[Personal]:
        told = self._analyzer.analyze(
            text=text, language=self._language, entities=self._entities, score_threshold=self._least
        )
        told = sorted(told, key=lambda one: (-one.score, one.start))
        return [Personal(one.entity_type.lower(), one.start, one.end, one.score) for one in told]
