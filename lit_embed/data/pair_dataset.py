"""Tokenised pairs: one array of row numbers in, one whole PairBatch out."""

from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from lit_embed.batches import PairBatch, PairRows, text_ids
from lit_embed.data.token_store import Tokenizer, TokenStore, open_store
from lit_embed.errors import UserError


class PairDataset(Dataset):
    """N pairs whose texts lie in token stores.

    queries, documents   the stores (the same one when queries and documents have the same prefix)
    query_places         (N,)    where each query stands in its store
    document_places      (N, C)  the same for the choices; the first is the answer
    labels               (N,) or None
    epoch, seed          which random negatives a row gets; the loader sets the epoch
    """

    def __init__(self, queries: TokenStore, documents: TokenStore, query_places: np.ndarray,
                 document_places: np.ndarray, labels: np.ndarray | None, random_negatives: int = 0, seed: int = 0):
        self.queries, self.documents = queries, documents
        self.query_places, self.document_places, self.labels = query_places, document_places, labels
        self.random_negatives, self.seed, self.epoch = random_negatives, seed, 0
        self.answers = np.unique(document_places[:, 0])                                  # (M,) distinct answers
        if random_negatives >= len(self.answers) and len(self):
            raise UserError(
                f"random_negatives is {random_negatives}, but there are only {len(self.answers)} distinct documents"
            )

    def __len__(self) -> int:
        return len(self.query_places)

    def __getitems__(self, rows: np.ndarray) -> PairBatch:
        rows = np.asarray(rows)                                                          # (B,)
        queries = self.query_places[rows]                                                # (B,)
        documents = self.document_places[rows]                                           # (B, C)
        if self.random_negatives:
            own = np.searchsorted(self.answers, documents[:, 0])
            drawn = draw_others(self.seed, self.epoch, rows, own, len(self.answers), self.random_negatives)
            documents = np.concatenate([documents, self.answers[drawn]], axis=1)         # (B, C + k)
        return PairBatch(
            queries=self.queries.tokens(queries),
            documents=self.documents.tokens(documents.reshape(-1)),
            labels=None if self.labels is None else torch.from_numpy(self.labels[rows]),
            query_ids=torch.from_numpy(self.queries.identities[queries]),
            document_ids=torch.from_numpy(self.documents.identities[documents]),
        )

    def identities(self) -> np.ndarray:
        """Identities of every text of each row, the drawn negatives left out.  -> (N, 1 + C) int64"""
        queries = self.queries.identities[self.query_places]
        return np.concatenate([queries[:, None], self.documents.identities[self.document_places]], axis=1)


def draw_others(seed: int, epoch: int, rows: np.ndarray, own: np.ndarray, total: int, count: int) -> np.ndarray:
    """For each row `count` different numbers below `total`, none its own: a function of (seed, epoch, row) alone.

    A resumed run, another number of workers and another number of processes all draw the same.
    rows (B,), own (B,)  ->  (B, count)
    """
    taken = own[:, None]                                                                 # (B, 1), kept ascending
    for draw in range(count):
        key = _mix(_mix(_mix(_mix(np.uint64(seed)) + np.uint64(epoch)) + np.uint64(draw)) + rows.astype(np.uint64))
        drawn = (key % np.uint64(total - 1 - draw)).astype(np.int64)                     # (B,) among those not taken
        for column in taken.T:
            drawn += drawn >= column
        taken = np.sort(np.concatenate([taken, drawn[:, None]], axis=1), axis=1)
    return taken[taken != own[:, None]].reshape(len(rows), count)


def _mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64 (https://prng.di.unimi.it/splitmix64.c): neighbouring numbers in, unrelated ones out."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


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
