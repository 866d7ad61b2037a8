"""Models asked one after the other: the promise for all of them together, and what is refused."""

import numpy as np
import pytest
from scipy.stats import binom

from homegrown.errors import InputError
from homegrown.evaluate import Judged, JudgedDocuments, calibrate_chain
from homegrown.evaluate.exit_objects import document_plan

ALPHA, DELTA, N, REPLAYS = 0.05, 0.1, 2000, 200


class World:
    """Calls with what two models are sure of, and in how many of them each is wrong at that confidence."""

    def __init__(self, rng, n):
        ease = rng.random(n)  # both find the same calls hard
        self.sure = [np.clip(a + b * ease + 0.1 * rng.normal(size=n), 0, 1) for a, b in ((0.0, 0.7), (0.35, 0.65))]
        chance = [0.6 * (1 - s) ** 4 for s in self.sure]
        self.wrong = [rng.random(n) < c for c in chance]

    def stage(self, i):
        return lambda places: [Judged(self.sure[i][k], bool(self.wrong[i][k]), 1.0, "a") for k in places]

    def home(self, bounds):
        """Which calls are answered at home by these, and which of those answers are wrong."""
        free, wrong = np.ones(len(self.sure[0]), bool), np.zeros(len(self.sure[0]), bool)
        for i, bound in enumerate(bounds):
            mine = free & (self.sure[i] > (2.0 if bound.threshold is None else bound.threshold))
            wrong |= mine & self.wrong[i]
            free &= ~mine
        return ~free, wrong


def test_all_answers_at_home_together_keep_the_promise():
    """Over many calibrations, on a world so large that its error is known."""
    truth = World(np.random.default_rng(1), 100_000)
    keys = [str(i) for i in range(N)]
    violated, covered, both = 0, [], 0
    for replay in range(REPLAYS):
        seen = World(np.random.default_rng(10 + replay), N)
        stages = [("quick", seen.stage(0)), ("large", seen.stage(1))]
        found = calibrate_chain(stages, keys, alpha=ALPHA, delta=DELTA, watch=False)
        home, wrong = truth.home(found.bounds)
        violated += bool(home.any()) and wrong[home].mean() > ALPHA
        covered.append(home.mean())
        both += all(b.threshold is not None for b in found.bounds)
    assert binom.sf(violated - 1, REPLAYS, DELTA) > 0.01, f"{violated} of {REPLAYS}"
    assert both > REPLAYS / 2
    assert np.mean(covered) > 0.3


def test_a_stage_of_documents_is_wrong_where_any_field_or_the_rest_is():
    rng = np.random.default_rng(2)
    sure, differs, rest = rng.random(300), rng.random((300, 3)) < 0.02, rng.random(300) < 0.01
    documents = JudgedDocuments(sure, np.tile(sure[:, None], 3), differs, rest, np.ones(300))
    told = documents.chained(range(300))
    assert [j.is_wrong for j in told] == (differs.any(1) | rest).tolist()
    assert {j.answer for j in told} == {"document"}
    places = [5, 3]
    assert [j.confidence for j in documents.chained(places)] == sure[places].tolist()
    keys, stages = [str(i) for i in range(300)], [("quick", documents.chained), ("large", documents.chained)]
    plan = document_plan(np.tile(rng.random(40)[:, None], 4))
    found = calibrate_chain(stages, keys, alpha=0.2, delta=0.1, plan=plan)
    assert found.bounds[0].threshold in plan  # no document of the calibration has a say in it
    assert found.bounds[0].n + found.bounds[1].n < 300
    assert document_plan(np.ones((5, 4))) == []


def test_each_stage_is_judged_by_calls_of_its_own():
    seen = World(np.random.default_rng(0), N)
    asked = []

    def noted(i):
        def judge(places):
            asked.append(list(places))
            return seen.stage(i)(places)

        return judge

    found = calibrate_chain(
        [("quick", noted(0)), ("large", noted(1))], [str(i) for i in range(N)], alpha=0.1, delta=DELTA, watch=False
    )
    quick, large = found.bounds
    assert asked[0] == list(range(N))
    assert asked[1] == [k for k in range(N) if not seen.sure[0][k] > quick.threshold]
    assert quick.n + large.n < found.bound.n == N
    assert (quick.delta, found.bound.delta) == (DELTA / 2, DELTA)
    home, wrong = seen.home(found.bounds)
    assert (found.bound.n_home, found.bound.disagreement) == (home.sum(), pytest.approx(wrong[home].mean()))
    assert "quick" in found.bound.sentence


def test_a_stage_without_a_bound_passes_all_on_and_says_so():
    seen = World(np.random.default_rng(0), N)
    never = lambda places: [Judged(0.9, True, 1.0, "a") for _ in places]  # noqa: E731
    keys = [str(i) for i in range(N)]
    found = calibrate_chain([("never", never), ("large", seen.stage(1))], keys, alpha=0.1, delta=DELTA, watch=False)
    assert found.bounds[0].threshold is None
    assert found.bound.threshold == found.bounds[1].threshold
    assert "never by itself" in found.bound.sentence
    neither = calibrate_chain([("never", never), ("nor", never)], keys, alpha=0.1, delta=DELTA, watch=False)
    assert (neither.bound.threshold, neither.bound.n_home, neither.bound.n_more) == (None, 0, None)


def test_a_stage_that_is_passed_nothing_is_refused():
    always = lambda places: [Judged(1.0, False, 1.0, "a") for _ in places]  # noqa: E731
    with pytest.raises(InputError, match="no call on which late could be judged"):
        calibrate_chain([("first", always), ("late", always)], [str(i) for i in range(40)], alpha=0.5, delta=0.5)
