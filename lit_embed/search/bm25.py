"""BM25: documents by the words they share with a question. It knows no meaning, needs no training, and is hard to beat.

Each text weighs its terms once, when the index is built (bm25s, https://arxiv.org/abs/2407.03618); a search adds up the
weights of the question's terms, as one product of sparse matrices. The formula is Lucene's:

    sum over the question's terms of  log(1 + (N - df + 0.5) / (df + 0.5)) * tf / (tf + k1 (1 - b + b length / mean))

On disk it is a folder of plain arrays and JSON (`*.npy` without pickle), with `settings.json` beside them.
"""

import hashlib
import json
from array import array
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

import bm25s
import numpy as np
import scipy.sparse as sp

from lit_embed.batches import text_ids
from lit_embed.errors import UserError, first_line
from lit_embed.files import write_beside
from lit_embed.search.terms import TERMS, suited

SETTINGS = "settings.json"
BLOCK = 16 * 1024 * 1024        # scores held at a time: 128 MB with their places, however many questions there are


class Bm25:
    """N texts, and the weight of every term in each of them.

    weights   bm25s's index: its matrix (N, V) by columns, and its vocabulary
    tokens    what counts as a term (lit_embed.search.terms)
    corpus    which texts these are, as `identity` says it
    """

    def __init__(self, weights: bm25s.BM25, tokens: Literal["words", "ngrams"], corpus: str):
        self.weights, self.tokens, self.corpus = weights, tokens, corpus
        arrays = [weights.scores[name] for name in ("data", "indices", "indptr")]
        # Columns of (N, V) are rows of (V, N): the same arrays.
        self._by_term = sp.csr_array(tuple(arrays), shape=(len(arrays[2]) - 1, weights.scores["num_docs"]))

    @classmethod
    def build(cls, texts: Sequence[str], tokens: Literal["auto", "words", "ngrams"] = "auto", k1: float = 1.2,
              b: float = 0.75) -> "Bm25":
        """Count the terms of N texts. The defaults of k1 (how soon repetition stops to count) and b (how much length
        counts) are Lucene's; "auto" looks at the script of the texts.
        """
        tokens = suited(texts) if tokens == "auto" else tokens
        terms, vocabulary, counted = TERMS[tokens], {}, []
        for text in texts:                               # int32: half of what a list of references takes
            counted.append(array("i", [vocabulary.setdefault(term, len(vocabulary)) for term in terms(text)]))
        weights = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy")
        if vocabulary:
            weights.index((counted, vocabulary), create_empty_token=False, show_progress=False)
        else:                                            # no text, or none with a word in it: nothing will match
            weights.vocab_dict, weights.nonoccurrence_array = {}, None
            weights.scores = {"data": np.zeros(0, np.float32), "indices": np.zeros(0, np.int32),
                              "indptr": np.zeros(1, np.int64), "num_docs": len(counted)}
        return cls(weights, tokens, identity(texts))

    def __len__(self) -> int:
        return self._by_term.shape[1]

    def search(self, queries: Sequence[str], k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The k texts of highest score for each query, best first, equal ones in the order of the corpus.

        returns   scores (Q, K) float32 and places (Q, K) int64, -inf and -1 where fewer texts share a term with the
                  query; K = k, or N where the corpus is smaller
        """
        k = max(0, min(k, len(self)))
        scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
        places = np.full((len(queries), k), -1, dtype=np.int64)
        asked = self._count(queries)                                                            # (Q, V)
        for rows in self._blocks(asked) if k else []:
            found = asked[rows] @ self._by_term                                                 # (block, N), sparse
            for row, start, stop in zip(rows, found.indptr, found.indptr[1:]):
                best, where = _best(found.data[start:stop], found.indices[start:stop], k)
                scores[row, :len(best)], places[row, :len(best)] = best, where
        return scores, places

    def score(self, queries: Sequence[str], places: np.ndarray) -> np.ndarray:
        """The score of one text for each query, 0 where they share no term: places (Q,) -> (Q,) float32"""
        return self._count(queries).multiply(self._by_text[places]).sum(axis=1)

    def telling(self, query: str) -> set[str]:
        """The terms of the query that some texts have and most have not: what a reader looks for in a result."""
        known, texts = self.weights.vocab_dict, np.diff(self._by_term.indptr)              # (V,) texts with each term
        return {term for term in TERMS[self.tokens](query) if term in known and 2 * texts[known[term]] <= len(self)}

    @cached_property
    def _by_text(self) -> sp.csr_array:                                                         # (N, V)
        return self._by_term.T.tocsr()

    def _count(self, queries: Sequence[str]) -> sp.csr_array:                                   # -> (Q, V)
        known = self.weights.vocab_dict
        terms = [[known[term] for term in TERMS[self.tokens](query) if term in known] for query in queries]
        rows = np.repeat(np.arange(len(terms)), [len(own) for own in terms])
        columns = np.fromiter((term for own in terms for term in own), dtype=np.int64, count=len(rows))
        counts = np.ones(len(rows), dtype=np.float32)                                           # csr adds up repeats
        return sp.csr_array((counts, (rows, columns)), shape=(len(terms), self._by_term.shape[0]))

    def _blocks(self, asked: sp.csr_array) -> Iterator[np.ndarray]:
        """Numbers of queries that together touch no more than BLOCK scores, or one query that touches more."""
        touched = np.diff(self._by_term.indptr)[asked.indices]                  # texts that have each asked term
        before = np.concatenate([[0], np.cumsum(touched, dtype=np.int64)])[asked.indptr[1:]]    # (Q,)
        yield from np.split(np.arange(len(before)), np.flatnonzero(np.diff(before // BLOCK)) + 1)

    def save(self, folder: str | Path) -> None:
        """Write the folder, whole or not at all; an index that was there is replaced.

        Raises
            UserError   the disk is full, or the folder cannot be written
        """
        with write_beside(folder) as beside:
            self.weights.save(beside, show_progress=False)
            settings = {"tokens": self.tokens, "corpus": self.corpus, "count": len(self)}
            (beside / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf8")

    @classmethod
    def open(cls, folder: str | Path) -> "Bm25":
        """The index that `save` wrote.

        Raises
            UserError   no index there, or its files are damaged or do not belong together
        """
        folder = Path(folder)
        if not (folder / SETTINGS).is_file():
            raise UserError(f"no BM25 index in {folder}: it has no {SETTINGS}")
        try:
            settings = json.loads((folder / SETTINGS).read_text(encoding="utf8"))
            weights = bm25s.BM25.load(folder, backend="numpy", show_progress=False)
            _check(weights, settings["count"])
            return cls(weights, settings["tokens"], settings["corpus"])
        except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
            raise UserError(f"the BM25 index in {folder} cannot be read ({first_line(error)}): remove the folder and "
                            "build it again") from error


def identity(texts: Sequence[str]) -> str:
    """A short name for these texts in this order; any other text or order has another one."""
    return hashlib.blake2b(text_ids(texts).tobytes(), digest_size=16).hexdigest()


def _check(weights: bm25s.BM25, count: int) -> None:
    data, places, starts = (weights.scores[name] for name in ("data", "indices", "indptr"))
    # A place beyond the corpus would have the sparse product read beyond its memory.
    if not (weights.scores["num_docs"] == count and len(weights.vocab_dict) == len(starts) - 1
            and len(data) == len(places) == starts[-1] and (np.diff(starts) >= 0).all()
            and (not len(places) or 0 <= places.min() <= places.max() < count)):
        raise ValueError("its files do not belong together")


def _best(scores: np.ndarray, places: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:     # (M,) -> (K,)
    if len(scores) > k:
        enough = scores >= np.partition(scores, -k)[-k]          # with all that tie with the last: the order decides
        scores, places = scores[enough], places[enough]
    order = np.lexsort((places, -scores))[:k]
    return scores[order], places[order]
