"""States of words, the head in NumPy against the head in PyTorch, and what a damaged bundle says."""

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer

from homegrown.errors import CorruptDataError
from homegrown.inference.encoder import Encoder
from homegrown.inference.span_base import SpanReadout
from homegrown.inference.span_decoding import Tagging
from homegrown.inference.span_head import HeadShape, features
from homegrown.inference.span_models import load_span_model
from homegrown.inference.word_features import shape_of, short_shape_of, told_buckets
from homegrown.inference.words import words_of
from homegrown.train.span_net import HeadNet
from tests.inference.kernel import needs_kernel

TEXTS = ["Ana Kent of Oslo, on 12.3.2024", "", "我的 card 🙂 was lost\n\x00 yesterday", "4th"]
PRECISIONS = [
    "fp32",
    pytest.param("int16", marks=needs_kernel),
]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_word_states_are_means_of_the_layers_of_transformers(precision: str) -> None:
    encoder = Encoder.load(precision=precision)
    words = [words_of(t) for t in TEXTS]
    states = encoder.word_states(TEXTS, words, (2, 5))
    net = AutoModel.from_pretrained(encoder.folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(encoder.folder)
    at = 0
    for text, place in zip(TEXTS, words, strict=True):
        read = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
        offsets = read.pop("offset_mapping")[0].numpy()
        with torch.no_grad():
            layers = net(**read, output_hidden_states=True).hidden_states
        mean = torch.stack(layers[2:6]).mean(0)[0].numpy()
        for start, end in zip(place.starts, place.ends, strict=True):
            mine = [i for i, (s, e) in enumerate(offsets) if s < end and e > start]
            expected = mean[mine].mean(0) if mine else np.zeros(encoder.dim)
            assert np.abs(states[at] - expected).max() < (1e-4 if precision == "fp32" else 0.05)
            at += 1
    assert at == len(states)


def test_a_long_text_is_read_to_its_end_in_windows_that_overlap() -> None:
    encoder = Encoder.load()
    start, end = "Ana Kent lives in Oslo . ", "and Tom Reed lives in Rome ."
    text = start + "where is my card ? " * 200 + end
    words = words_of(text)
    states = encoder.word_states([text], [words], (2, 5))
    alone = encoder.word_states([end], [words_of(end)], (2, 5))
    assert len(states) == len(words)
    assert (np.abs(states).sum(1) > 0).all()
    tail = states[-len(alone) :]
    cosine = (tail * alone).sum(1) / np.linalg.norm(tail, axis=1) / np.linalg.norm(alone, axis=1)
    assert cosine.mean() > 0.6
    assert encoder.word_states([], [], (2, 5)).shape == (0, encoder.dim)


def test_the_head_gives_the_same_scores_in_numpy_and_in_pytorch() -> None:
    torch.manual_seed(0)
    tagging = Tagging(("a", "b"))
    shape = HeadShape(16, tagging.n_tags, hidden=24, bag=8, bits=8, width=5)
    net = HeadNet(shape, tagging).eval()
    words = [words_of(t) for t in TEXTS]
    buckets, places = features(words, TEXTS, shape.bits)
    lengths = np.array([len(w) for w in words])
    states = np.random.default_rng(0).normal(size=(len(buckets), 16)).astype(np.float32)
    scores = net.finished().scores(states, buckets, places, lengths)
    at = 0
    for n in lengths:
        rows = slice(at, at + n)
        at += n
        if n:
            given = (torch.from_numpy(a[rows])[None] for a in (states, buckets, places))
            with torch.no_grad():
                expected = net(*given, torch.ones(1, n))[0].numpy()
            assert np.abs(scores[rows] - expected).max() < 1e-4


def test_the_surprise_of_training_is_the_likelihood_of_decoding() -> None:
    torch.manual_seed(1)
    tagging = Tagging(("a",))
    net = HeadNet(HeadShape(4, tagging.n_tags, hidden=4, bag=4, bits=4), tagging).eval()
    with torch.no_grad():
        for p in (net.transition, net.start, net.end):
            p.normal_()
    head = net.finished()
    chain = tagging.chain(*(head.arrays[n] for n in ("transition", "start", "end")))
    scores = torch.randn(2, 5, tagging.n_tags)
    lengths, tags = torch.tensor([5, 3]), torch.tensor([[0, 1, 2, 0, 1], [1, 2, 2, 0, 0]])
    said = net.surprise(scores, tags, lengths).detach().numpy()
    lattice = next(iter(chain.lattices([scores[0].numpy(), scores[1, :3].numpy()])))
    for i, n in enumerate(lengths.tolist()):
        path = tags[i, :n].numpy()
        score = chain.start[path[0]] + chain.end[path[-1]] + scores[i, np.arange(n), path].sum().item()
        score += chain.transition[path[:-1], path[1:]].sum()
        assert said[i] == pytest.approx(lattice.log_sums[i] - score, abs=1e-4)


def test_shapes_and_numbers_in_groups_are_seen() -> None:
    assert (shape_of("Ab-12é"), short_shape_of("Abcd-1234")) == ("Xx-ddx", "Xx-d")
    texts = ["call 0688 872 49 99 now", "call 0712 555 11 22 now"]
    buckets = told_buckets(texts, [words_of(t) for t in texts], 20).reshape(2, 6, -1)
    number = buckets[:, 1:5, -2:]
    assert (number[0] == number[1]).all()
    assert (number[0, 1] != buckets[0, 0, -2:]).all()


def test_a_readout_keeps_the_order_of_probabilities() -> None:
    raw = np.array([0.0, 0.1, 0.5, 0.9, 1.0])
    read = SpanReadout(0.5, -0.3).read(raw)
    assert (np.diff(read) > 0).all()
    assert (read >= 0).all()
    assert (read <= 1).all()


def test_a_folder_without_a_model_says_so(tmp_path) -> None:
    with pytest.raises(CorruptDataError, match="holds no model that finds spans"):
        load_span_model(tmp_path)
