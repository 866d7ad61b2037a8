"""Trainers of spans: what each learns from a few texts, and what they say when there is nothing to learn."""

import shutil

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from homegrown.core.progress import Silent
from homegrown.core.spans import Span
from homegrown.errors import EmptyDataError, InputError, UnsuitableLabelsError
from homegrown.inference.encoder import Encoder
from homegrown.inference.encoder_folder import bundled_folder
from homegrown.inference.span_base import ChainSpans
from homegrown.inference.span_models import MixedSpans, load_span_model
from homegrown.inference.words import words_of
from homegrown.metrics.spans import span_scores
from homegrown.train.span_data import PIECE_WORDS, SpanExamples, choose_words, prepare
from homegrown.train.span_ladder import climb_spans
from homegrown.train.spans import fit_spans

FIRST = ["Ana", "Tom", "Mia", "Leo", "Eva", "Max", "Ida", "Ben", "Zoe", "Jan"]
LAST = ["Kent", "Reed", "Moss", "Hale", "Ford", "Lund", "Berg", "Cole"]
FRAMES = [
    ("please call {} about order {}.", "ask {} for number {}, thanks"),
    ("{} wrote that {} is late", "hello, {} here: where is {}?"),
]


def examples(seed: int, n: int) -> SpanExamples:
    rng = np.random.default_rng(seed)
    texts, spans = [], []
    for _ in range(n):
        frame = FRAMES[rng.integers(2)][rng.integers(2)]
        name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
        order = f"AB-{rng.integers(1000, 9999)}"
        text = frame.format(name, order)
        spans.append(
            tuple(Span(text.index(w), text.index(w) + len(w), t) for w, t in ((name, "name"), (order, "order")))
        )
        texts.append(text)
    texts.append("nothing to see here")
    return SpanExamples(texts, [*spans, ()])


@pytest.fixture(scope="module")
def encoder():
    return Encoder.load()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """An encoder of three narrow layers with random weights."""
    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    shutil.copytree(bundled_folder(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    torch.manual_seed(0)
    BertModel(
        BertConfig(hidden_size=48, num_hidden_layers=3, num_attention_heads=3, intermediate_size=96)
    ).save_pretrained(folder)
    return Encoder.load(folder)


def fit(folder, encoder, train, valid, **options):
    return fit_spans(train, valid, options, seed=1, folder=folder, encoder=encoder, progress=Silent())


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({"rung": "patterns"}, 0.6),
        ({"rung": "crf", "n_steps": 30}, 0.95),
        ({"rung": "linear", "epochs": 8, "batch": 8, "n_heads": 2, "crf": 0.0}, 0.95),
    ],
)
def test_each_learns_and_answers_after_loading(tmp_path, encoder, options, least) -> None:
    train, valid, test = examples(0, 60), examples(1, 25), examples(2, 40)
    fitted = fit(tmp_path, encoder, train, valid, **options)
    model = load_span_model(fitted.folder, encoder)
    found = model.predict(test.texts)
    assert span_scores(test.spans, found).micro.f1 >= least
    assert fitted.report["f1"] >= least - 0.1
    assert fitted.report["n_spans"] == valid.n_spans
    for text, spans in zip(test.texts, found, strict=True):
        assert spans == sorted(spans)
        assert all(0 <= s.start < s.end <= len(text) and model.readout.line <= s.prob <= 1 for s in spans)
    assert not model.predict(["", " "])[0]
    assert not (tmp_path / "spans").exists()


def test_a_crf_and_a_head_read_the_same_states_and_add_their_scores(tmp_path, tiny) -> None:
    train, valid = examples(0, 40), examples(1, 25)
    fitted = fit(tmp_path, tiny, train, valid, epochs=1, batch=40, n_steps=20, crf=0.3, refit=False)
    model = load_span_model(fitted.folder, tiny)
    assert isinstance(model, MixedSpans)
    words = [words_of(t, model.grain) for t in valid.texts]
    first, second = (part.scores(valid.texts, words)[0] for part in model.parts)
    assert np.allclose(model.scores(valid.texts, words)[0], 0.7 * first + 0.3 * second, atol=1e-4)
    assert span_scores(valid.spans, model.predict(valid.texts)).micro.f1 > 0.9
    assert not model.predict([])


def test_the_share_of_the_crf_is_what_finds_most_where_each_side_judges_the_other(tmp_path, tiny) -> None:
    train, valid = examples(0, 40), examples(1, 30)
    # One step teaches a head nothing, so all that is found is found by the CRF.
    fitted = fit(tmp_path, tiny, train, valid, epochs=1, batch=40, n_steps=20)
    assert fitted.recipe.options["crf"] >= 0.3
    assert fitted.report["f1"] > 0.9
    few = fit(tmp_path / "few", tiny, train, valid.take(range(5)), epochs=1, batch=40, n_steps=2, refit=False)
    assert few.recipe.options["crf"] == 0.0, "so few spans cannot tell"


def test_states_tell_a_crf_what_letters_do_not(tmp_path, encoder) -> None:
    names = {"animal": ["tiger", "horse", "rabbit", "wolf", "cow", "sheep"], "city": ["Rome", "Paris", "Oslo", "Lima"]}
    others = {"animal": ["lion", "goat", "fox", "pig"], "city": ["Berlin", "Madrid", "Tokyo", "Vienna"]}

    def said(of: dict[str, list[str]]) -> SpanExamples:
        rows = [(f"we saw {name.lower()} then", kind) for kind, some in of.items() for name in some]
        return SpanExamples([t for t, _ in rows], [(Span(7, len(t) - 5, kind),) for t, kind in rows])

    train, test = said(names), said(others)
    empty = SpanExamples([], [])
    found = {}
    for rung, options in {"crf": {}, "linear": {"crf": 1.0}}.items():
        fitted = fit(tmp_path / rung, encoder, train, empty, rung=rung, n_steps=40, **options)
        answer = load_span_model(fitted.folder, encoder).predict(test.texts, line=0.4)
        found[rung] = span_scores(test.spans, answer).micro.f1
    assert found["linear"] > found["crf"] + 0.2


def test_spans_that_never_hold_a_line_break_do_not_go_on_after_one(tmp_path, encoder) -> None:
    pages = examples(0, 80)
    texts = [text + "\nthanks" for text in pages.texts]
    page = SpanExamples(texts, pages.spans)
    model = load_span_model(fit(tmp_path, encoder, page, page.take(range(40)), rung="crf", n_steps=20).folder)
    assert isinstance(model, ChainSpans)
    assert model.within_lines == ("name", "order")
    found = model.candidates(["please call Ana\nKent about order AB-12\n34"])[0]
    assert found
    assert not any("\n" in "please call Ana\nKent about order AB-12\n34"[s.start : s.end] for s in found)


def test_it_is_said_how_probable_it_is_that_there_is_none(tmp_path, encoder) -> None:
    some = examples(0, 80)
    bare = [f"thanks, all is well with number {i}" for i in range(81)]
    every = SpanExamples(some.texts + bare, some.spans + [()] * 81)
    model = load_span_model(
        fit(
            tmp_path, encoder, every.take(range(0, 162, 2)), every.take(range(1, 162, 2)), rung="crf", n_steps=20
        ).folder
    )
    _, absent = model.told(["please call Ana Kent about order AB-1234.", "nothing to see here"])
    assert absent.shape == (2, 2)
    assert (absent[0] < 0.2).all()
    assert (absent[1] > 0.8).all()
    assert (model.readout.none_slope, model.readout.none_offset) != (1.0, 0.0)


def test_a_tuned_encoder_comes_with_the_bundle_and_the_same_seed_gives_the_same_bits(tmp_path, tiny) -> None:
    train, valid = examples(0, 30), examples(1, 25)
    options = {"rung": "finetune", "epochs": 6, "tune_epochs": 1, "precision": "fp32", "batch": 8}
    bundles = [fit(tmp_path / str(i), tiny, train, valid, **options).folder for i in range(2)]
    for path in (p.relative_to(bundles[0]) for p in bundles[0].rglob("*") if p.is_file()):
        assert (bundles[0] / path).read_bytes() == (bundles[1] / path).read_bytes(), path
    model = load_span_model(bundles[0])
    assert model.encoder.folder == bundles[0] / "encoder"  # type: ignore[attr-defined]
    assert model.predict(valid.texts) == load_span_model(bundles[1]).predict(valid.texts)
    assert span_scores(valid.spans, model.predict(valid.texts)).micro.f1 > 0.5


def test_long_texts_are_learnt_in_pieces_that_cut_no_span() -> None:
    text = "x " * 500
    spans = tuple(Span(2 * i, 2 * i + 39, "a") for i in range(0, 480, 24))
    data = SpanExamples([text, "", "x"], [spans, (), ()])
    tagging, grain = choose_words(data)
    ready = prepare(data, tagging, grain)
    assert ready.pieces[0, 0] == 0
    assert ready.pieces[-1, 1] == len(ready.all_tags) == 501
    assert (ready.pieces[1:, 0] == ready.pieces[:-1, 1]).all()
    assert (ready.pieces[:, 1] - ready.pieces[:, 0]).max() <= PIECE_WORDS
    assert (ready.all_tags[ready.pieces[:, 0]] % 2 == 1).sum() + (ready.all_tags[ready.pieces[:, 0]] == 0).sum() == len(
        ready.pieces
    )
    assert (ready.all_tags == np.concatenate(ready.tags)).all()


def test_spans_that_overlap_are_counted_and_said(tmp_path, encoder) -> None:
    data = SpanExamples(["my new card"] * 3, [(Span(3, 11, "a"), Span(7, 11, "b"))] * 3)
    fitted = fit(tmp_path, encoder, data, SpanExamples([], []), rung="patterns")
    assert any(w.startswith("3 spans overlap") for w in fitted.report["warnings"])
    assert any("no validation texts" in w for w in fitted.report["warnings"])


@pytest.mark.parametrize(
    ("data", "options", "error", "says"),
    [
        (SpanExamples([], []), {}, EmptyDataError, "no text"),
        (SpanExamples(["a"], [()]), {}, UnsuitableLabelsError, "None of the texts has a span"),
        (SpanExamples(["a"], [(Span(0, 2, "x"),)]), {}, InputError, "does not lie in the text"),
        (SpanExamples(["a"], [(Span(0, 1, "x"),)]), {"rugn": 1}, InputError, "no option 'rugn'"),
        (SpanExamples(["a"], [(Span(0, 1, "x"),)]), {"layers": (3, 9)}, InputError, "layers 1 to 6"),
    ],
)
def test_what_cannot_be_learnt_is_refused_in_a_sentence(tmp_path, encoder, data, options, error, says) -> None:
    with pytest.raises(error, match=says):
        fit(tmp_path, encoder, data, SpanExamples([], []), **options)


def letters(seed: int, n: int) -> SpanExamples:
    """Who is written to, and who only says hello: told apart by what stands before, by no word and no shape."""
    rng = np.random.default_rng(seed)
    names = [["".join(rng.choice(list("aeioubdgklmnrst"), 6)) for _ in range(2)] for _ in range(n)]
    texts = [f"dear {to}, {other} says hello" for to, other in names]
    return SpanExamples(texts, [(Span(5, 11, "to"),) for _ in texts])


def test_the_ladder_takes_a_larger_rung_where_it_wins_and_stops_where_time_does(tmp_path, tiny):
    known = {"least_gain": 0.003, "seed": 0, "encoder": tiny, "progress": Silent()}
    climb = climb_spans(letters(0, 40), letters(1, 30), budget_s=600, folder=tmp_path / "all", **known)
    rows = {row["recipe"]: row for row in climb.ladder}
    assert list(rows) == ["patterns", "crf", "linear", "finetune"]
    assert rows["crf"]["accuracy"] > rows["patterns"]["accuracy"] + 0.5
    assert climb.rung == "crf"
    assert rows["crf"]["chosen"]
    assert rows["linear"]["note"] == "crf is right on 100.0% already"
    assert load_span_model(tmp_path / "all" / "bundle", tiny).predict(["dear bodatu, leriko says hello"])
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["bundle"]
    short = climb_spans(letters(0, 40), letters(1, 30), budget_s=0, folder=tmp_path / "short", **known)
    assert short.rung == "patterns"
    assert [row.get("state") for row in short.ladder] == [None, "skipped", "skipped", "skipped"]
    blind = climb_spans(letters(0, 20), SpanExamples([], []), budget_s=600, folder=tmp_path / "blind", **known)
    assert blind.rung == "linear"
