import pytest

from homegrown.evaluate.sentences import headline, odds, rows_for_width


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.9244, "about 12 of 13"), (0.5, "about 1 of 2"), (0.667, "about 2 of 3"), (0.95, "about 19 of 20")],
)
def test_odds(share, said):
    assert odds(share) == said


def test_odds_are_never_far_off():
    for k in range(1, 1000):
        share = k / 1000
        words = odds(share).removeprefix("about ").replace(",", "").split(" of ")
        if len(words) == 2:
            assert abs(int(words[0]) / int(words[1]) - share) < 0.06, share


def test_headlines():
    assert "far too few" in headline(4, 3, (0.3, 0.95), multi=False, split="test")
    perfect = headline(50, 50, (0.93, 1.0), multi=False, split="test")
    assert perfect == "It is right on all 50 texts that it never saw; up to 7.0% of future answers may still be wrong."
    assert "every class" in headline(100, 80, (0.7, 0.9), multi=True, split="test")
    assert 600 < rows_for_width(0.06) < 800
