"""Mining is the rules, one pair at a time; here in a loop over texts, with sets of texts that are no negatives."""

import numpy as np
import pytest
import torch

from lit_embed.batches import text_ids
from lit_embed.search import distinct
from lit_embed.search.candidates import AtRandom, ByVectors
from lit_embed.search.mining import fill_up, mine, mining_task
from lit_embed.search.negatives import Rules

PAIRS = [(f"q{i % 17}", f"d{i * 5 % 23}") for i in range(60)]           # questions with several answers and the reverse
PAIRS += [("q3", "q3"), ("q4", "q5"), ("q16", "d1"), ("q16", "d1")]       # questions that are passages; a row twice
MORE = [f"more {i}" for i in range(10)]


def setting():
    passages, _ = distinct([document for _, document in PAIRS] + MORE)
    task = mining_task(text_ids([q for q, _ in PAIRS]), text_ids([d for _, d in PAIRS]), text_ids(passages))
    questions, documents = torch.randn(len(task.identities), 6), torch.randn(len(passages), 6)
    cosine = torch.cosine_similarity(questions[:, None], documents[None], dim=-1).numpy()               # (Q, M)
    return passages, task, ByVectors(questions, documents), cosine


def question_of(task, text):
    return int(np.flatnonzero(task.identities == text_ids([text]))[0])


def naive(passages, task, cosine, row, rules):
    """The places that nothing speaks against for one pair, the nearest first."""
    query, answer = PAIRS[row]
    similarity = cosine[question_of(task, query)]
    best, left, rank = similarity[passages.index(answer)], [], 0
    for place in np.argsort(-similarity):
        if passages[place] == query or (query, passages[place]) in PAIRS:
            continue
        rank += 1
        share = rules.relative_margin
        below = share is None or similarity[place] <= best - share * abs(best)
        if rules.ranks[0] <= rank <= rules.ranks[1] and below:
            left.append(place)
    return left


@pytest.mark.parametrize("rules", [Rules(count=2, ranks=(2, 9), relative_margin=0.2),
                                   Rules(count=3, ranks=(1, 99), relative_margin=0.0)])
def test_mining_is_the_loop_over_pairs(rules, monkeypatch):
    monkeypatch.setattr("lit_embed.search.mining.BLOCK", 7)
    passages, task, source, cosine = setting()
    done = []
    mined = mine(task, source, rules, done=done.append)
    expected = [naive(passages, task, cosine, row, rules) for row in range(len(PAIRS))]
    assert [[p for p in row if p >= 0] for row in mined.places.tolist()] == [left[:rules.count] for left in expected]
    assert mined.counts["left"] == sum(map(len, expected)) and sum(done) == len(PAIRS)
    assert mined.short.tolist() == [row for row, left in enumerate(expected) if len(left) < rules.count] != []
    for row, (query, answer) in enumerate(PAIRS):
        similarity = cosine[question_of(task, query)]
        assert mined.positive_scores[row] == pytest.approx(similarity[passages.index(answer)], abs=1e-6)
        there = mined.places[row] >= 0
        np.testing.assert_allclose(mined.scores[row][there], similarity[mined.places[row][there]], atol=1e-6)
        assert np.isnan(mined.scores[row][~there]).all()


def test_no_known_answer_and_no_equal_text_however_few_candidates():
    passages, task, _, _ = setting()
    everything = Rules(count=len(passages), ranks=(1, len(passages)))
    mined = mine(task, AtRandom(task.identities, len(passages), seed=1), everything)
    for (query, _), places in zip(PAIRS, mined.places.tolist()):
        never = {document for asked, document in PAIRS if asked == query} | {query}
        assert sorted(passages[p] for p in places if p >= 0) == sorted(set(passages) - never)


@pytest.mark.parametrize("sample", ["top", "random"])
def test_some_rows_in_any_blocks_get_what_all_rows_get(sample, monkeypatch):
    _, task, source, _ = setting()
    rules = Rules(count=2, sample=sample, ranks=(2, 12), relative_margin=0.1)
    whole = mine(task, source, rules)
    monkeypatch.setattr("lit_embed.search.mining.BLOCK", 5)
    rows = np.array([40, 2, 63, 11, 12])
    np.testing.assert_array_equal(mine(task, source, rules, rows=rows).places, whole.places[rows])
    halves = [mine(task, source, rules, rows=np.arange(len(PAIRS))[half::2]) for half in (0, 1)]
    assert {name: halves[0].counts[name] + halves[1].counts[name] for name in whole.counts} == whole.counts
    nothing = mine(task, source, rules, rows=np.zeros(0, dtype=np.int64))
    assert nothing.places.shape == (0, 2) and nothing.counts == dict.fromkeys(whole.counts, 0)


def test_a_judge_scores_what_is_in_the_ranks_and_each_pair_once():
    passages, task, source, cosine = setting()
    asked = []

    def judge(questions, places):
        asked.append(list(zip(questions.tolist(), places.tolist())))
        return -cosine[questions, places]                                        # what is far is good, says this judge

    rules = Rules(count=1, ranks=(3, 6), margin=0.0)
    mined = mine(task, source, rules, judge)
    _, candidates = asked                                                        # the positives, then the candidates
    assert len(candidates) == len(set(candidates)) == 4 * len(task.identities)
    for row, (query, answer) in enumerate(PAIRS):
        similarity = cosine[question_of(task, query)]
        in_ranks = naive(passages, task, cosine, row, Rules(ranks=(3, 6), max_score=9.0))
        fitting = [place for place in in_ranks if similarity[place] >= similarity[passages.index(answer)]]
        assert mined.places[row].tolist() == [min(fitting, key=lambda place: similarity[place], default=-1)]


def test_short_rows_are_filled_at_random_below_the_margins_where_anything_is(monkeypatch):
    monkeypatch.setattr("lit_embed.search.mining.DRAWN", 99)         # all there are
    passages, task, source, cosine = setting()
    rules = Rules(count=3, ranks=(1, 3), relative_margin=0.3)
    mined = mine(task, source, rules)
    filled = fill_up(task, mined, rules, source.score)
    assert len(mined.short) and not len(filled.short) and filled.counts == mined.counts
    above = 0
    for row, (query, answer) in enumerate(PAIRS):
        similarity, free = cosine[question_of(task, query)], naive(passages, task, cosine, row, Rules(ranks=(1, 99)))
        limit = similarity[passages.index(answer)] - 0.3 * abs(similarity[passages.index(answer)])
        own, more = [[p for p in places[row].tolist() if p >= 0] for places in (mined.places, filled.places)]
        assert more[:len(own)] == own and len(set(more)) == 3 and set(more) <= set(free)
        assert sum(similarity[more] <= limit) == min(3, sum(similarity[free] <= limit))
        above += sum(similarity[more] > limit)
        np.testing.assert_allclose(filled.scores[row], similarity[more], atol=1e-6)
    assert above                                                     # there are positives that hardly anything is below


def test_nothing_is_filled_where_nothing_is_missing():
    _, task, source, _ = setting()
    whole = mine(task, source, Rules(count=3))
    filled = fill_up(task, whole, Rules(count=3), source.score)
    assert not len(whole.short) and filled.places.tolist() == whole.places.tolist()


def test_filling_finds_the_last_passages_there_are():
    passages = text_ids(["a", "b", "c", "d"])
    task = mining_task(passages[:2], passages[2:], passages)      # a -> c, b -> d: left are b and d, a and c
    source = ByVectors(torch.ones(2, 4), torch.ones(4, 4))
    short = mine(task, source, Rules(count=2, max_score=-2.0))
    assert (short.places == -1).all()
    filled = fill_up(task, short, Rules(count=2, max_score=-2.0), source.score)
    assert [set(row) for row in filled.places.tolist()] == [{1, 3}, {0, 2}]
    three = fill_up(task, mine(task, source, Rules(count=3)), Rules(count=3), source.score)
    assert three.places[:, 2].tolist() == [-1, -1]
