"""Sixty-four pairs over few questions and passages, and what a loop over them may take as negatives."""

import numpy as np
import torch

from lit_embed.batches import text_ids
from lit_embed.search import distinct
from lit_embed.search.candidates import ByVectors
from lit_embed.search.mining import mining_task

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
