"""A cross-encoder beside the mining: as the judge of candidates, and as a teacher of who trains on what was mined."""

import numpy as np

from lit_embed.batches import PairRows
from lit_embed.commands.open_model import open_scorer
from lit_embed.errors import UserError
from lit_embed.models import TextPairScorer
from lit_embed.models.inference import Precision
from lit_embed.search.mining import Judge, Mined


def open_one_score(option: str, folder: str, precision: Precision) -> TextPairScorer:
    """The cross-encoder that an option names.

    Raises
        UserError   there is none, or it gives several scores a pair
    """
    scorer = open_scorer(folder, precision)
    if scorer.num_labels != 1:
        raise UserError(f"{option} {folder}: it gives {scorer.num_labels} scores a pair, and one is needed")
    return scorer


def open_judge(folder: str, precision: Precision, questions: list[str], passages: list[str]) -> Judge:
    """The cross-encoder's score of question i and passage j, by their numbers."""
    scorer = open_one_score("--judge", folder, precision)
    return lambda asked, places: scorer.score([(questions[i], passages[j]) for i, j in zip(asked, places)])


def teacher_scores(scorer: TextPairScorer, pairs: PairRows, passages: list[str], mined: Mined, rows: np.ndarray) -> np.ndarray:
    """Logits of the answer and of the n negatives of each of these rows (R,).  -> (N, 1 + n) float32, NaN in other rows

    Without the sigmoid that makes them probabilities: it presses all that is clearly wrong together at 0, and the margins
    and temperatures of distillation are about differences of logits.
    """
    scorer.activation = "identity"
    asked = [(pairs.queries[row], text) for row in rows
             for text in (pairs.documents[0][row], *(passages[place] for place in mined.places[row]))]
    scores = np.full((len(pairs), 1 + mined.places.shape[1]), np.nan, dtype=np.float32)
    scores[rows] = scorer.score(asked, progress=True).reshape(len(rows), -1)
    return scores
