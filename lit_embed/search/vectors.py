"""Vectors of one kind and one similarity: FAISS behind numbers 0 to N-1 that stay without gaps, whatever is removed."""

import faiss
import numpy as np

from lit_embed.errors import UserError
from lit_embed.search import kinds
from lit_embed.search.gpu import MOST, on_cpu, on_gpus

BLOCK = 65_536          # vectors handed to FAISS at a time


def prepared(vectors: np.ndarray, similarity: str) -> np.ndarray:                       # (N, D) -> (N, D) float32
    """As the similarity compares them: unit vectors for the cosine, the numbers themselves otherwise.

    Raises
        UserError   a number is not finite
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"embeddings are (N, D), not {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise UserError("the model gives NaN or infinite numbers, which no search can compare: its training diverged; "
                        "start again with a lower learning rate")
    if similarity != "cosine":
        return vectors
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class Vectors:
    """N vectors of width D.

    index        FAISS's own
    removed      (R,) ascending: FAISS's numbers of vectors that were removed and that a graph cannot forget
    device       where to search: "cpu", "cuda", or "auto": on GPUs where there are any that FAISS can use
    """

    def __init__(self, index: faiss.Index, kind: str, similarity: str, removed: np.ndarray | None = None,
                 device: str = "auto"):
        self.index, self.kind, self.similarity, self.device = index, kind, similarity, device
        self.removed = np.zeros(0, dtype=np.int64) if removed is None else removed
        self._searched = on_gpus(index, kind, device)

    @classmethod
    def build(cls, embeddings: np.ndarray, kind: str, similarity: str, device: str = "auto") -> "Vectors":
        """Embeddings (N, D), in memory; normalised here if the similarity is the cosine."""
        kind = kinds.chosen(kind, similarity, len(embeddings))
        unit = prepared(embeddings, similarity)
        empty = kinds.empty_index(kind, unit.shape[1], len(unit), similarity)
        index = on_gpus(empty, kind, device)
        kinds.train(index, kind, unit[kinds.sample_rows(kind, len(unit))])
        for start in range(0, len(unit), BLOCK):
            index.add(unit[start:start + BLOCK])
        return cls(on_cpu(index, empty), kind, similarity, device=device)

    def __len__(self) -> int:
        return self.index.ntotal - len(self.removed)

    @property
    def width(self) -> int:
        return self.index.d

    @property
    def effort(self) -> int:
        return kinds.effort_of(self.index, self.kind)

    @effort.setter
    def effort(self, effort: int) -> None:
        kinds.set_effort(self.index, self.kind, effort)
        self.replace(self.index)

    def description(self) -> dict:
        """For settings.json."""
        return {"kind": self.kind, "similarity": self.similarity, "count": len(self), "width": self.width,
                "faiss": kinds.parameters(self.index, self.kind)}

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k best of each query, best first.  (Q, D) -> scores (Q, K) float32, numbers (Q, K) int64; K = min(k, N)

        Equal scores come in the order of the vectors; where every vector is looked at, also at the cut.
        """
        queries, k = prepared(queries, self.similarity), max(0, min(k, len(self)))
        if not k or not len(queries):
            return np.zeros((len(queries), k), dtype=np.float32), np.zeros((len(queries), k), dtype=np.int64)
        if self.kind in kinds.EXHAUSTIVE:
            return self._search_with_ties(queries, k)
        return _in_order(*self._search(queries, k))

    def _search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        limits = None
        if len(self.removed):
            # The more of the graph is removed, the more of it has to be seen to find as many that are not.
            effort = int(self.effort * min(8.0, self.index.ntotal / len(self)))
            gone = faiss.IDSelectorBatch(self.removed)
            limits = faiss.SearchParametersHNSW(sel=faiss.IDSelectorNot(gone), efSearch=effort)
        if self.kind == "binary":        # asked for more candidates than there are vectors, FAISS hands back places of none
            limits = faiss.IndexRefineSearchParameters(k_factor=min(self.effort, len(self) / k))
        searched = self._searched if k <= MOST else self.index
        scores, numbers = searched.search(queries, k, params=limits)
        scores = np.where(numbers < 0, -np.inf, -scores if self.similarity == "l2" else scores).astype(np.float32)
        return scores, np.where(numbers < 0, -1, numbers - np.searchsorted(self.removed, numbers))

    def _search_with_ties(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        # Which of equal scores FAISS keeps at its cut is chance: look further until the last one found is a worse one.
        scores, numbers = np.empty((len(queries), k), dtype=np.float32), np.empty((len(queries), k), dtype=np.int64)
        open_rows, deep = np.arange(len(queries)), min(k + 1, len(self))
        while len(open_rows):
            found = _in_order(*self._search(queries[open_rows], deep))                  # (q, deep) each
            scores[open_rows], numbers[open_rows] = found[0][:, :k], found[1][:, :k]
            tied = found[0][:, -1] == found[0][:, k - 1] if deep < len(self) else np.zeros(len(open_rows), dtype=bool)
            open_rows, deep = open_rows[tied], min(4 * deep, len(self))
        return scores, numbers

    def replace(self, index: faiss.Index) -> None:
        """The same vectors held otherwise."""
        self.index, self._searched = index, on_gpus(index, self.kind, self.device)

    def add(self, embeddings: np.ndarray) -> None:
        """More vectors (N, D), numbered on. The index is one in memory: FAISS dies of adding to one that is mapped."""
        embeddings = prepared(embeddings, self.similarity)
        if embeddings.shape[1] != self.width:
            raise ValueError(f"vectors of {self.width} numbers are joined by some of {embeddings.shape[1]}")
        self.index.add(embeddings)
        self.replace(self.index)

    def remove(self, numbers: np.ndarray) -> None:
        """Forget these (M,), and number the others anew, in their order."""
        numbers = np.sort(np.asarray(numbers, dtype=np.int64))
        if self.kind == "hnsw":
            living = np.setdiff1d(np.arange(self.index.ntotal), self.removed, assume_unique=True)
            self.removed = np.sort(np.concatenate([self.removed, living[numbers]]))
            return
        before = self.index.ntotal
        kinds.remove(self.index, self.kind, numbers)
        if self.kind in ("ivf", "ivf-pq"):               # its lists keep the old numbers
            _renumber(self.index, np.arange(before) - np.searchsorted(numbers, np.arange(before)))
        self.replace(self.index)


def _in_order(scores: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((numbers, -scores))                                  # FAISS hands equal scores back in any order
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(numbers, order, axis=1)


def _renumber(index: faiss.Index, new: np.ndarray) -> None:
    lists = faiss.downcast_InvertedLists(index.invlists)
    for number in range(index.nlist):
        if size := lists.list_size(number):
            ids = faiss.rev_swig_ptr(lists.get_ids(number), size)           # a view: writing changes the list
            ids[:] = new[ids]
