"""Who brings candidates for mining: vectors, words, or chance. Questions and passages are numbers, as in MiningTask.

search(questions (Q,), k)              -> scores (Q, K), places (Q, K), best first, -1 where fewer were found
score(questions (P,), places (P,))     -> scores (P,) of these passages for these questions
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from lit_embed.errors import UserError
from lit_embed.search.bm25 import Bm25
from lit_embed.search.draw import draw_others

BLOCK = 64 * 1024 * 1024      # similarities held at a time: 256 MB in float32, however many passages there are
MOST_DRAWN = 256


class ByVectors:
    """The passages nearest by cosine, exactly, on the device of the vectors.

    questions   (Q, D)
    passages    (M, D)
    search_in   an index that searches instead: queries (Q, D), k -> scores (Q, K), places (Q, K)

    Raises
        UserError   a vector is not finite
    """

    def __init__(self, questions: Tensor, passages: Tensor, search_in: Callable | None = None):
        self.questions, self.passages = (F.normalize(vectors.float(), dim=-1) for vectors in (questions, passages))
        self.search_in = search_in
        if not (self.questions.isfinite().all() and self.passages.isfinite().all()):
            raise UserError("the model gives NaN or infinite numbers, which no search can compare: its training "
                            "diverged; start again with a lower learning rate")

    def search(self, questions: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        asked = self.questions[torch.from_numpy(questions).to(self.questions.device)]                # (Q, D)
        if self.search_in is not None:
            return self.search_in(asked.cpu().numpy(), k)
        block = max(1, BLOCK // max(1, len(self.passages)))
        found = [(part @ self.passages.T).topk(min(k, len(self.passages))) for part in asked.split(block)]
        return tuple(torch.cat([each[i] for each in found]).cpu().numpy() for i in (0, 1))

    def score(self, questions: np.ndarray, places: np.ndarray) -> np.ndarray:
        questions, places = (torch.from_numpy(each).to(self.questions.device) for each in (questions, places))
        return (self.questions[questions] * self.passages[places]).sum(dim=1).cpu().numpy()


class ByWords:
    """The passages with the highest BM25 score; one that shares no word with the question is never found.

    questions   Q texts
    bm25        the passages
    """

    def __init__(self, questions: list[str], bm25: Bm25):
        self.questions, self.bm25 = questions, bm25

    def search(self, questions: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        return self.bm25.search([self.questions[i] for i in questions], k)

    def score(self, questions: np.ndarray, places: np.ndarray) -> np.ndarray:
        return self.bm25.score([self.questions[i] for i in questions], places)


class AtRandom:
    """Passages in any order, a function of (seed, question) alone; nobody scored them.

    identities   (Q,)   of the questions
    passages     M
    """

    def __init__(self, identities: np.ndarray, passages: int, seed: int):
        self.identities, self.passages, self.seed = identities, passages, seed

    def search(self, questions: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        count = min(k, self.passages, MOST_DRAWN)
        nothing = np.full(len(questions), self.passages)            # "its own" is a number past the last: all are drawn
        places = draw_others(self.seed, 0, self.identities[questions], nothing, self.passages + 1, count)
        return np.full(places.shape, np.nan, dtype=np.float32), places

    def score(self, questions: np.ndarray, places: np.ndarray) -> np.ndarray:
        return np.full(len(places), np.nan, dtype=np.float32)
