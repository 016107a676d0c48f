"""The pairs of a run as mining sees them: numbers of questions and passages, taken from the tokenised training data."""

from dataclasses import replace

import numpy as np
import pytorch_lightning as pl

from lit_embed.batches import text_ids
from lit_embed.errors import UserError
from lit_embed.search.fill_up import fill_up
from lit_embed.search.mining import Mined, MiningTask, mining_task
from lit_embed.search.negatives import Rules


def task_of(pairs) -> tuple[MiningTask, np.ndarray]:
    """The task of a PairDataset, and where each of its M passages stands in the documents' store, (M,).

    Passages are all distinct documents of the data; its own hard negatives of a question are no candidates there.
    """
    passages = np.unique(pairs.document_places)
    choices = pairs.document_places.shape[1]
    questions = np.repeat(pairs.queries.identities[pairs.query_places], choices)                          # (N*C,)
    documents = pairs.documents.identities[pairs.document_places].reshape(-1)                             # (N*C,)
    task = mining_task(questions, documents, pairs.documents.identities[passages])
    return replace(task, question=task.question[::choices], answer=task.answer[::choices]), passages


def drawn(task: MiningTask, rules: Rules) -> np.ndarray:
    """Negatives of each pair at random, no known answer among them.  -> (N, n) numbers of passages, -1 where none"""
    places = np.full((len(task), rules.count), -1)
    nothing = Mined(places, np.full(places.shape, np.nan, np.float32), np.zeros(len(task), np.float32), {})
    unscored = replace(rules, margin=None, relative_margin=None, max_score=None, min_score=None)
    return fill_up(task, nothing, unscored, lambda questions, places: np.zeros(len(places), np.float32)).places


def texts_of(data: pl.LightningDataModule, identities: np.ndarray) -> list[str]:
    """The texts of the training rows with these identities (T,)."""
    rows = data.rows("train")
    texts = [*rows.queries, *(text for column in rows.documents for text in column)]
    ids, first = np.unique(text_ids(texts), return_index=True)
    return [texts[place] for place in first[np.searchsorted(ids, identities)]]


def places_of(pairs, identities: np.ndarray, count: int) -> np.ndarray:
    """Where the documents with these identities (N, count) stand in the store of a PairDataset.

    Raises
        UserError   they were mined for other pairs
    """
    store = pairs.documents
    places = store.places(identities).clip(max=len(store) - 1)
    if places.shape != (len(pairs), count) or (store.identities[places] != identities).any():
        raise UserError("the checkpoint holds mined negatives for other training pairs than these, or another number "
                        "of them: give the data and the MineNegatives it was made with")
    return places
