"""Questions against a corpus, and where their answers land: the exact search that evaluation needs.

A passage is its text: the same passage under ten questions stands in the corpus once, and a question asked in several
rows has all of their answers.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lit_embed.batches import PairRows, text_ids

BLOCK = 64 * 1024 * 1024  # similarities held at a time: 256 MB in float32, however many passages there are


def distinct(texts: list[str]) -> tuple[list[str], np.ndarray]:
    """Each text once, in the order of first appearance, and for each of the N given texts its place there, (N,)."""
    _, first, place = np.unique(text_ids(texts), return_index=True, return_inverse=True)
    order = first.argsort()                                  # np.unique sorts by id; we keep the order of reading
    return [texts[i] for i in first[order]], order.argsort()[place]


@dataclass(frozen=True)
class RetrievalTask:
    """Distinct questions, distinct passages, and which passages answer which question.

    questions   Q texts
    corpus      N texts
    answers     Q arrays of places in the corpus, ascending; empty where the corpus does not hold the answer
    """

    questions: list[str]
    corpus: list[str]
    answers: list[np.ndarray]


def retrieval_task(asked: PairRows, corpus: list[PairRows]) -> RetrievalTask:
    """The questions of `asked` against the answers of every part of `corpus`.

    A question's right answers are all its documents in any of these rows, so that an answer known from the training
    split is no mistake in validation.
    """
    passages, _ = distinct([text for part in corpus for text in part.documents[0]])
    place = {identity: i for i, identity in enumerate(text_ids(passages).tolist())}
    questions, _ = distinct(asked.queries)
    answers: dict[int, set[int]] = {identity: set() for identity in text_ids(questions).tolist()}
    for part in [asked, *corpus]:
        for query, document in zip(text_ids(part.queries).tolist(), text_ids(part.documents[0]).tolist(), strict=True):
            if query in answers and document in place:
                answers[query].add(place[document])
    return RetrievalTask(questions, passages, [np.array(sorted(own), dtype=np.int64) for own in answers.values()])


@dataclass(frozen=True)
class Ranking:
    """Where the answers landed.

    nearest    (Q, K)   places in the corpus, best first; equal similarities by place
    relevance  (Q, K)   True where that passage answers the question
    rank       (Q,)     rank of the best right answer in the whole corpus, 1 = found first, N + 1 without an answer
    """

    nearest: np.ndarray
    relevance: np.ndarray
    rank: np.ndarray


def rank_answers(questions: Tensor, corpus: Tensor, answers: list[np.ndarray], k: int = 10) -> Ranking:
    """Exact search by cosine, in blocks of questions, on the device of the embeddings.  (Q, D), (N, D)"""
    k = min(k, len(corpus))
    questions, corpus = F.normalize(questions.float(), dim=-1), F.normalize(corpus.float(), dim=-1)
    block = max(1, BLOCK // max(1, len(corpus)))
    nearest, rank = [], []
    for start in range(0, len(questions), block):
        similarity = questions[start:start + block] @ corpus.T                          # (block, N)
        nearest.append(_nearest(similarity, k).cpu())
        rank.append(_best_rank(similarity, answers[start:start + block]).cpu())
    nearest = torch.cat(nearest).numpy() if nearest else np.zeros((0, k), dtype=np.int64)
    rank = torch.cat(rank).numpy() if rank else np.zeros(0, dtype=np.int64)
    relevance = np.stack([np.isin(row, own) for row, own in zip(nearest, answers)]) if len(nearest) else nearest > 0
    return Ranking(nearest, relevance, rank)


def _nearest(similarity: Tensor, k: int) -> Tensor:                                     # (Q, N) -> (Q, K)
    places = similarity.topk(k).indices
    least = similarity.gather(1, places[:, -1:]) if k else similarity[:, :0]            # (Q, 1)
    # topk leaves open which of equal values it takes, so rows with ties are sorted in full: a collapsed model must not
    # owe its score to chance, nor differ from machine to machine.
    top = similarity.gather(1, places)
    tied = ((top[:, 1:] == top[:, :-1]).any(dim=1) | ((similarity >= least).sum(dim=1) > k)).nonzero().flatten()
    if len(tied) and k:
        places[tied] = similarity[tied].sort(dim=1, descending=True, stable=True).indices[:, :k]
    return places


def _best_rank(similarity: Tensor, answers: list[np.ndarray]) -> Tensor:                # (Q, N) -> (Q,)
    rows = torch.from_numpy(np.repeat(np.arange(len(answers)), [len(own) for own in answers])).to(similarity.device)
    places = torch.from_numpy(np.concatenate(answers)).to(similarity.device)            # (answers,)
    right = similarity[rows, places]
    best = similarity.new_full((len(similarity),), -torch.inf).scatter_reduce(0, rows, right, "amax")       # (Q,)
    first = torch.full_like(best, similarity.size(1), dtype=torch.int64)                # place of the best right answer
    first = first.scatter_reduce(0, rows, torch.where(right == best[rows], places, similarity.size(1)), "amin")
    ahead = torch.arange(similarity.size(1), device=similarity.device) < first[:, None]  # wins a tie by its place
    return 1 + (similarity > best[:, None]).sum(dim=1) + ((similarity == best[:, None]) & ahead).sum(dim=1)
