"""Where mining finds too few negatives, chance gives the rest."""

from dataclasses import replace

import numpy as np

from lit_embed.search.candidates import AtRandom
from lit_embed.search.mining import Judge, Mined, MiningTask, mine
from lit_embed.search.negatives import Rules

DRAWN = 16           # passages drawn to fill up a pair, beyond twice those it needs


def fill_up(task: MiningTask, mined: Mined, rules: Rules, score: Judge) -> Mined:
    """The pairs with too few negatives get others at random: of a few drawn, those below the margins.

    Where the positive itself has a poor score nothing may lie below the margins, and then any other passage will do. A
    pair stays short only where the passages run out.
    """
    below = replace(rules, sample="random", ranks=(1, 2 * rules.count + DRAWN), min_score=None)
    for allowed in (below, replace(below, margin=None, relative_margin=None, max_score=None)):
        short = mined.short                                                               # (S,)
        if not len(short):
            break
        alone, asked = _each_alone(task, short, mined.places[short]), task.question[short]
        at_random = AtRandom(alone.identities, task.passages, rules.seed)
        more = mine(alone, at_random, allowed, lambda rows, places: score(asked[rows], places))
        mined = _append(mined, short, more)
    return mined


def _each_alone(task: MiningTask, rows: np.ndarray, places: np.ndarray) -> MiningTask:
    """Each of these pairs (S,) as a question of its own, to which what it already has, places (S, n), is known too.

    So what a pair gets depends on no other pair, and not on which of them a process has.
    """
    question, total = task.question[rows], task.passages                                  # (S,)
    first, last = np.searchsorted(task.known, [question * total, (question + 1) * total])
    count = last - first                                                                  # (S,) known to each
    which = np.arange(count.sum()) + np.repeat(first - (np.cumsum(count) - count), count)
    numbers = np.arange(len(rows))
    known = task.known[which] + np.repeat((numbers - question) * total, count)
    has = (numbers[:, None] * total + places)[places >= 0]
    return MiningTask(numbers, task.answer[rows], task.identities[question], total, np.union1d(known, has))


def _append(mined: Mined, rows: np.ndarray, more: Mined) -> Mined:
    """What `more` holds for these rows (S,) goes where they have nothing yet."""
    places = np.concatenate([mined.places[rows], more.places], axis=1)                    # (S, 2n)
    scores = np.concatenate([mined.scores[rows], more.scores], axis=1)
    first = np.argsort(places < 0, axis=1, kind="stable")[:, : mined.places.shape[1]]     # (S, n) mined ones first
    filled, values = mined.places.copy(), mined.scores.copy()
    filled[rows], values[rows] = (np.take_along_axis(each, first, axis=1) for each in (places, scores))
    return replace(mined, places=filled, scores=values)
