"""Tokenised pairs: one array of row numbers in, one whole PairBatch out."""

from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_embed.batches import PairBatch, PairRows, text_ids
from lit_embed.data.token_store import Tokenizer, TokenStore, open_store
from lit_embed.errors import UserError
from lit_embed.search.draw import draw_others


class PairDataset(Dataset):
    """N pairs whose texts lie in token stores.

    queries, documents   the stores (the same one when queries and documents have the same prefix)
    query_places         (N,)    where each query stands in its store
    document_places      (N, C)  the same for the choices; the first is the answer
    labels               (N,) or None
    epoch, seed          which random negatives a row gets; the loader sets the epoch
    mined                (N, n) where further choices stand, after those of the data and before the random ones, or
                         None: who mines sets them before the first batch of an epoch
    """

    def __init__(self, queries: TokenStore, documents: TokenStore, query_places: np.ndarray,
                 document_places: np.ndarray, labels: np.ndarray | None, random_negatives: int = 0, seed: int = 0):
        self.queries, self.documents = queries, documents
        self.query_places, self.document_places, self.labels = query_places, document_places, labels
        self.random_negatives, self.seed, self.epoch = random_negatives, seed, 0
        self.mined: np.ndarray | None = None
        self.answers = np.unique(document_places[:, 0])                                  # (M,) distinct answers
        if random_negatives >= len(self.answers) and len(self):
            raise UserError(
                f"random_negatives is {random_negatives}, but there are only {len(self.answers)} distinct documents"
            )

    def __len__(self) -> int:
        return len(self.query_places)

    @property
    def choices(self) -> int:
        """Documents of each row in a batch: C."""
        mined = 0 if self.mined is None else self.mined.shape[1]
        return self.document_places.shape[1] + mined + self.random_negatives

    def __getitems__(self, rows: np.ndarray) -> PairBatch:
        rows = np.asarray(rows)                                                          # (B,)
        queries = self.query_places[rows]                                                # (B,)
        documents = self.document_places[rows]                                           # (B, C)
        if self.mined is not None:
            documents = np.concatenate([documents, self.mined[rows]], axis=1)            # (B, C + n)
        if self.random_negatives:
            own = np.searchsorted(self.answers, documents[:, 0])
            drawn = draw_others(self.seed, self.epoch, rows, own, len(self.answers), self.random_negatives)
            documents = np.concatenate([documents, self.answers[drawn]], axis=1)         # (B, C + n + k)
        return PairBatch(
            queries=self.queries.tokens(queries),
            documents=self.documents.tokens(documents.reshape(-1)),
            labels=None if self.labels is None else torch.from_numpy(self.labels[rows]),
            query_ids=torch.from_numpy(self.queries.identities[queries]),
            document_ids=torch.from_numpy(self.documents.identities[documents]),
        )

    def identities(self) -> np.ndarray:
        """Identities of every text of each row, the drawn and the mined negatives left out.  -> (N, 1 + C) int64

        Those change from epoch to epoch, and a batch with one of them twice is not wrong: where a negative of one row
        answers another, the loss leaves it out of that row's choices.
        """
        queries = self.queries.identities[self.query_places]
        return np.concatenate([queries[:, None], self.documents.identities[self.document_places]], axis=1)


def open_stores(rows: PairRows, tokenizer: Tokenizer, prefixes: tuple[str, str], folder: Path) -> list[TokenStore]:
    """The stores of the queries and of the documents; prefixes = (of queries, of documents)."""
    documents = [text for column in rows.documents for text in column]
    if prefixes[0] == prefixes[1]:
        store = open_store(rows.queries + documents, prefixes[0], tokenizer, folder)
        return [store, store]
    return [open_store(texts, prefix, tokenizer, folder)
            for texts, prefix in zip([rows.queries, documents], prefixes, strict=True)]


def pair_dataset(rows: PairRows, tokenizer: Tokenizer, prefixes: tuple[str, str], folder: Path,
                 random_negatives: int = 0, seed: int = 0) -> PairDataset:
    """Tokenised pairs of these rows, from the cache in `folder` or made now."""
    queries, documents = open_stores(rows, tokenizer, prefixes, folder)
    query_places = queries.places(text_ids(rows.queries))
    document_places = np.stack([documents.places(text_ids(column)) for column in rows.documents], axis=1)
    return PairDataset(queries, documents, query_places, document_places, rows.labels, random_negatives, seed)
