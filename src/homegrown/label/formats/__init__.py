"""Formats of other labelling software, both ways."""

from __future__ import annotations

from homegrown.label.formats.argilla import Argilla
from homegrown.label.formats.base import Example, Exported, Format, Misshapen, Opinion
from homegrown.label.formats.doccano import Doccano
from homegrown.label.formats.label_studio import LabelStudio
from homegrown.label.formats.openai_chat import OpenAIChat
from homegrown.label.formats.prodigy import Prodigy

# The more particular before the more general: a format is guessed by what only it has.
FORMATS: dict[str, Format] = {f.name: f for f in (OpenAIChat(), LabelStudio(), Argilla(), Prodigy(), Doccano())}

__all__ = ["FORMATS", "Example", "Exported", "Format", "Misshapen", "Opinion"]
