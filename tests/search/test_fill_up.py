"""Filled up, a pair has what a loop over its passages would allow it, whatever other pairs there are."""

from dataclasses import replace

import numpy as np
import torch
from toy_pairs import PAIRS, naive, question_of, setting

from lit_embed.batches import text_ids
from lit_embed.search.candidates import ByVectors
from lit_embed.search.fill_up import fill_up
from lit_embed.search.mining import mine, mining_task
from lit_embed.search.negatives import Rules


def test_short_rows_are_filled_at_random_below_the_margins_where_anything_is(monkeypatch):
    monkeypatch.setattr("lit_embed.search.fill_up.DRAWN", 99)         # all there are
    passages, task, source, cosine = setting()
    rules = Rules(count=3, ranks=(1, 3), relative_margin=0.3)
    mined = mine(task, source, rules)
    filled = fill_up(task, mined, rules, source.score)
    assert len(mined.short) and not len(filled.short) and filled.counts == mined.counts
    above = 0
    for row, (query, answer) in enumerate(PAIRS):
        similarity, free = cosine[question_of(task, query)], naive(passages, task, cosine, row, Rules(ranks=(1, 99)))
        limit = similarity[passages.index(answer)] - 0.3 * abs(similarity[passages.index(answer)])
        own, more = ([p for p in places[row].tolist() if p >= 0] for places in (mined.places, filled.places))
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


def test_what_a_pair_gets_depends_on_no_other_pair():
    _, task, source, _ = setting()
    rules = Rules(count=3, ranks=(1, 3), relative_margin=0.3)
    whole = fill_up(task, mine(task, source, rules), rules, source.score).places
    for first in (0, 1):
        half = replace(task, question=task.question[first::2], answer=task.answer[first::2])
        filled = fill_up(half, mine(half, source, rules), rules, source.score)
        np.testing.assert_array_equal(filled.places, whole[first::2])
