"""Presidio beside our patterns. It is an extra: what needs it is skipped where it is not installed."""

from importlib.metadata import PackageNotFoundError, version

import pytest

from homegrown.errors import InputError
from homegrown.inference.presidio import PresidioMasker


def _is_there():
    try:
        return bool(version("presidio-analyzer"))
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(_is_there(), reason="Presidio is installed")
def test_without_it_one_sentence_says_what_to_install():
    with pytest.raises(InputError, match=r"pip install 'homegrown\[presidio\]'"):
        PresidioMasker()


@pytest.mark.skipif(not _is_there(), reason="the extra presidio is not installed")
@pytest.mark.filterwarnings("ignore")
def test_what_presidio_sees_is_masked_beside_what_has_a_form():
    import spacy
    from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Blank(SpacyNlpEngine):
        """spaCy without a model: this machine may have no network."""

        def __init__(self):
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

    analyzer = AnalyzerEngine(nlp_engine=Blank(), supported_languages=["en"])
    people = [Pattern("names", r"\bAnna Berg\b|\banna@example\.org\b", 0.9)]
    analyzer.registry.add_recognizer(PatternRecognizer("PERSON", patterns=people))
    found = PresidioMasker(analyzer).mask("Anna Berg wrote from anna@example.org, password: hunter2-Tr0ub4dor")
    assert found.text == "[person] wrote from [email], password: [password]"
    assert found.n_found == {"person": 1, "email": 1, "password": 1}
