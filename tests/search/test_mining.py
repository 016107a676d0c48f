"""Mining is the rules, one pair at a time; here in a loop over texts, with sets of texts that are no negatives."""

import numpy as np
import pytest
from toy_pairs import PAIRS, naive, question_of, setting

from lit_embed.search.candidates import AtRandom
from lit_embed.search.mining import mine
from lit_embed.search.negatives import Rules


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
