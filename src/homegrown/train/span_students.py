"""Self-training of models that find spans: texts without a label teach a student what its teacher is sure of there.

Only texts of which a teacher is sure in every place are learnt, the labelled ones three times as heavily (as
``train.students`` does for classes). Whether that helps is asked of validation texts that neither learnt from.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from homegrown.core.spans import Span
from homegrown.inference.span_decoding import choose
from homegrown.inference.span_models import load_span_model
from homegrown.train.auto import SURE_WITH_FEW
from homegrown.train.judge import SURE, worth_it
from homegrown.train.rung import take_over
from homegrown.train.span_data import SpanExamples
from homegrown.train.spans import fit_spans

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from homegrown.core.protocols import Progress
    from homegrown.inference.encoder import Encoder
    from homegrown.inference.span_base import SpanModel

FEWEST_TEXTS, MOST_TEXTS, FEWEST_JUDGED = 200, 1000, 50
#: so few validation texts show next to nothing: then the larger number is enough, as on the ladder
FEW_JUDGED = 100
#: with more labels than these there is little to win, and much to fit
MOST_LABELLED = 1000
LINE, LABELLED_TIMES, LEAST_GAIN = 0.6, 3, 0.003


def guessed(model: SpanModel, texts: Sequence[str], share_empty: float) -> SpanExamples:
    """Texts with the spans that *model* finds there, as far as it is sure of each place.

    Args:
        model: the teacher.
        texts: without a label.
        share_empty: of the labelled texts those without a span: no more than these are kept without one.
    """
    some = list(texts)
    found = SpanExamples([], [])
    empty: list[str] = []
    for text, spans in zip(some, model.candidates(some), strict=True):
        if any(1 - LINE < s.prob < LINE for s in spans):
            continue
        kept = tuple(Span(s.start, s.end, s.type) for s in choose(spans, LINE))
        if kept:
            found.texts.append(text)
            found.spans.append(kept)
        else:
            empty.append(text)
    n_empty = int(len(found) * share_empty / max(1 - share_empty, 0.01))
    return found.plus(SpanExamples(empty[:n_empty], [()] * len(empty[:n_empty])))


def span_student(
    train: SpanExamples,
    valid: SpanExamples,
    texts: Sequence[str],
    options: dict[str, Any],
    *,
    seed: int,
    folder: Path,
    encoder: Encoder,
    progress: Progress,
) -> str:
    """Put a student in the place of the teacher in ``folder / "bundle"`` where it is better; how that was decided.

    Nothing is tried, and nothing said, where labels are many, or texts or validation texts too few.

    Args:
        train: texts with all their spans.
        valid: texts that judge.
        texts: without a label, none of which is a labelled one; 1,000 of very many.
        options: of ``fit_spans``.
        seed: draws the texts; the only source of chance.
        folder: of the run.
        encoder: that reads texts, frozen.
        progress: told at each step.
    """
    if len(texts) < FEWEST_TEXTS or len(valid) < FEWEST_JUDGED or len(train) > MOST_LABELLED or not valid.n_spans:
        return ""
    rows = np.random.default_rng(seed).permutation(len(texts))[:MOST_TEXTS]
    some = [texts[int(i)] for i in np.sort(rows)]
    empty = sum(not s for s in train.spans) / len(train)
    known: dict[str, Any] = {"seed": seed, "encoder": encoder, "progress": progress}

    def fitted(examples: SpanExamples, name: str, *, refit: bool) -> Any:
        return fit_spans(examples, valid, {**options, "refit": refit}, folder=folder / name, **known)

    def learnt(teacher: Path) -> SpanExamples:
        return SpanExamples(train.texts * LABELLED_TIMES, train.spans * LABELLED_TIMES).plus(
            guessed(load_span_model(teacher, encoder), some, empty)
        )

    # Those that are compared learnt from no validation text, the teacher of the guesses included.
    teacher = fitted(train, "teacher", refit=False)
    student = fitted(learnt(teacher.folder), "student", refit=False)
    before, after = (np.array(f.report["right"], bool) for f in (teacher, student))
    sure = SURE_WITH_FEW if len(valid) < FEW_JUDGED else SURE
    taken, said = worth_it(before, after, LEAST_GAIN, sure=sure, other="its teacher")
    if taken:
        final = fitted(learnt(folder / "bundle"), "final", refit=True)
        take_over(final.folder, folder / "bundle")
    for name in ("teacher", "student", "final"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return f"a student on {len(some):,} texts without a label: {said}"
