"""Each rule against a slow twin that looks at one candidate at a time."""

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.search.negatives import Rules, choose, ranks, within_ranks, within_scores

NAMES = ["known positive or equal text", "rank", "margin", "relative margin", "max score", "min score"]


def candidates(questions=40, k=12, seed=0):
    """Scores with both signs and ties (eighths: exact in any precision), rankings that end early, known positives."""
    rng = np.random.default_rng(seed)
    scores = -np.sort(-rng.integers(-8, 9, size=(questions, k)) / 8, axis=1).astype(np.float32)       # (Q, K)
    places = np.argsort(rng.random((questions, 30)), axis=1)[:, :k]                                      # (Q, K)
    found = rng.integers(0, k + 1, size=questions)
    missing = np.arange(k) >= found[:, None]
    scores[missing], places[missing] = -np.inf, -1
    positive = rng.integers(-8, 9, size=questions).astype(np.float32) / 8                               # (Q,)
    return scores, places, positive, rng.random((questions, k)) < 0.2


def naive(scores, places, positive, known, rules):
    """Which columns are allowed for each question, and what removed the others: one candidate after the other."""
    removed, allowed = dict.fromkeys(["candidates", *NAMES], 0), []
    for row, best in enumerate(positive.astype(float)):
        rank, columns = 0, []
        for column, place in enumerate(places[row]):
            if place < 0 or rank == rules.ranks[1]:
                break
            score, share = float(scores[row, column]), rules.relative_margin
            removed["candidates"] += 1
            rank += not known[row, column]
            reasons = {
                "known positive or equal text": known[row, column],
                "rank": rank < rules.ranks[0],
                "margin": rules.margin is not None and score > best - rules.margin,
                "relative margin": share is not None and score > best - share * abs(best),
                "max score": rules.max_score is not None and score > rules.max_score,
                "min score": rules.min_score is not None and score < rules.min_score,
            }
            against = [name for name in NAMES if reasons[name]]
            if against:
                removed[against[0]] += 1
            else:
                columns.append(column)
        allowed.append(columns)
    return allowed, removed


CASES = [{}, {"ranks": (3, 5)}, {"ranks": (1, 30)}, {"margin": 0.0}, {"margin": 0.25}, {"relative_margin": 0.5},
         {"max_score": 0.25}, {"min_score": -0.25}, {"max_score": 0.55, "min_score": 0.15},
         {"ranks": (2, 9), "margin": 0.05, "relative_margin": 0.25, "max_score": 0.45, "min_score": -0.75}]


@pytest.mark.parametrize("sample", ["top", "random"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(case) or "none")
def test_the_rules_are_those_of_the_loop(case, sample):
    scores, places, positive, known = candidates()
    rules = Rules(count=3, sample=sample, **case)
    expected, removed = naive(scores, places, positive, known, rules)
    allowed, counts = within_ranks(places, known, rules)
    allowed, more = within_scores(scores, positive, allowed, rules)
    assert [np.flatnonzero(row).tolist() for row in allowed] == expected
    assert counts | more == removed
    assert counts["candidates"] == sum((counts | more)[name] for name in NAMES) + allowed.sum()
    chosen = choose(scores, places, allowed, rules, np.arange(len(scores)))
    for row, columns in enumerate(chosen.tolist()):
        taken = [column for column in columns if column >= 0]
        assert len(taken) == min(3, len(expected[row])) and columns[len(taken):] == [-1] * (3 - len(taken))
        assert set(taken) <= set(expected[row]) and taken == sorted(taken)          # these scores descend already
        if sample == "top":
            assert taken == expected[row][:3]


def test_ranks_count_what_is_no_known_positive():
    places = np.array([[7, 5, 9, 2, -1]])
    assert ranks(places, np.array([[False, True, False, False, False]])).tolist() == [[1, 0, 2, 3, 0]]


def test_the_relative_margin_lies_below_the_positive_whatever_its_sign():
    rules = Rules(relative_margin=0.1)
    scores = np.array([[0.91, 0.90, 0.5], [-0.05, -0.12, -0.5]])
    allowed, removed = within_scores(scores, np.array([1.0, -0.1]), np.ones((2, 3), dtype=bool), rules)
    assert allowed.tolist() == [[False, True, True], [False, True, True]] and removed["relative margin"] == 2


def test_with_other_scores_than_the_searchs_the_highest_of_those_are_taken():
    scores = np.array([[0.1, 0.9, np.nan, 0.9, 0.5]])
    allowed = np.array([[True, True, True, True, False]])
    assert choose(scores, np.arange(5)[None], allowed, Rules(count=3), np.array([1])).tolist() == [[1, 3, 0]]
    assert choose(scores, np.arange(5)[None], allowed, Rules(count=4), np.array([1])).tolist() == [[1, 3, 0, 2]]


def test_a_random_choice_depends_on_seed_question_and_place_alone():
    rng = np.random.default_rng(0)
    places = np.argsort(rng.random((200, 10)), axis=1)
    scores, identities = -places.astype(np.float32), rng.integers(-2**63, 2**63 - 1, size=200)
    everything = np.ones(places.shape, dtype=bool)

    def taken(rules, places, scores, questions):
        return np.take_along_axis(places, choose(scores, places, everything[:len(places)], rules, questions), axis=1)

    rules = Rules(count=3, sample="random", seed=1)
    first = taken(rules, places, scores, identities)
    turned = taken(rules, places[:, ::-1], scores[:, ::-1], identities)           # the same candidates, found otherwise
    np.testing.assert_array_equal(first, turned)
    np.testing.assert_array_equal(first[50:60], taken(rules, places[50:60], scores[50:60], identities[50:60]))
    other = taken(Rules(count=3, sample="random", seed=2), places, scores, identities)
    assert (first != other).any(axis=1).mean() > 0.9
    assert np.bincount(first.ravel(), minlength=10).min() > 30                      # 60 expected of each place


@pytest.mark.parametrize("wrong, message", [
    ({"count": 0}, "0 negatives: ask for one at least"),
    ({"sample": "best"}, "sample 'best': there are top and random"),
    ({"ranks": (0, 5)}, "ranks 0 to 5: the first is 1 or more"),
    ({"ranks": (5, 4)}, "ranks 5 to 4: the first is 1 or more, the last no less"),
    ({"ranks": (4, 5), "count": 3}, "ranks 4 to 5 hold 2 candidates, but 3 negatives are wanted"),
    ({"margin": -0.1}, "margin is 0 or more"),
    ({"relative_margin": 1.0}, "relative_margin from 0 to below 1"),
    ({"min_score": 0.5, "max_score": 0.4}, "min_score 0.5 is above max_score 0.4"),
])
def test_rules_that_nothing_satisfies_are_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        Rules(**wrong)


def test_only_rules_about_scores_need_scores():
    assert not Rules(count=2, ranks=(3, 9)).by_score and Rules(margin=0.0).by_score and Rules(min_score=0.0).by_score
