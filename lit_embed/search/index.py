"""An index: passages, their vectors, and the model that made them; searched where it lies on disk, shared by processes.

    index = Index.build(encoder.encode(texts, "document"), texts, fingerprint(encoder), kind="hnsw")
    index.save(folder)
    scores, places = Index.open(folder).search(encoder.encode(["what to look for"], "query"), k=10)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.search import index_folder
from lit_embed.search.index_folder import Origin
from lit_embed.search.passage_file import names, refuse_repeated
from lit_embed.search.passages import Column, Passages
from lit_embed.search.vectors import Vectors


class Index:
    """N passages; the place of a passage is its row, from 0, and the others move up when one is removed.

    vectors        their embeddings, by a kind of FAISS index (search.kinds) and a similarity
    passages       ids and texts
    model          fingerprint of the encoder that made the vectors, "" where nobody knows
    model_folder   where it lies
    role           whose prefix that encoder put before each passage
    """

    def __init__(self, vectors: Vectors, passages: Passages, model: str = "", model_folder: str = "",
                 role: str = "document"):
        self.vectors, self.passages, self.model, self.model_folder = vectors, passages, model, model_folder
        self.role = role
        self._origin: Origin | None = None
        self._mapped = False

    @classmethod
    def build(cls, embeddings: np.ndarray, texts: Sequence[str], model: str = "", kind: str = "auto",
              similarity: str = "cosine", ids: Sequence[str] | None = None) -> "Index":
        """Embeddings (N, D) of N texts, in the same order, all in memory; search.build_index builds from a stream.

        kind         flat, int8, binary, ivf, ivf-pq, hnsw, or auto: what suits so many passages
        similarity   cosine (the embeddings are normalised here), dot, or l2
        ids          names of the passages; None: their rows, "0" to "N-1"

        Raises
            UserError   an embedding is not finite, an id stands there twice, no such kind, nothing for it to learn from
        """
        ids = names(ids, texts, embeddings)
        refuse_repeated(ids)
        return cls(Vectors.build(embeddings, kind, similarity), Passages(ids, texts), model)

    def __len__(self) -> int:
        return len(self.passages)

    @property
    def kind(self) -> str:
        return self.vectors.kind

    @property
    def similarity(self) -> str:
        return self.vectors.similarity

    @property
    def ids(self) -> Column:
        return self.passages.ids

    @property
    def texts(self) -> Column:
        return self.passages.texts

    def text(self, place: int) -> str:
        return self.passages.value("text", place)

    @property
    def effort(self) -> int:
        """How hard to look, can be set: lists (ivf, ivf-pq), candidates (hnsw), candidates a result (binary); 0: at everything."""
        return self.vectors.effort

    @effort.setter
    def effort(self, effort: int) -> None:
        self.vectors.effort = effort

    def search(self, queries: np.ndarray, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The k passages most similar to each query, best first, equal ones in the order of the corpus.

        queries   (Q, D)
        returns   scores (Q, K) float32: cosines, dot products, for l2 minus the squared distances; places (Q, K) int64;
                  K = k, or N where the corpus is smaller; -inf and -1 where an approximate kind found fewer

        Raises
            UserError   the queries have another width, or are not finite
        """
        if queries.ndim == 2 and queries.shape[1] != self.vectors.width:
            raise UserError(f"the index has vectors of {self.vectors.width} numbers, the queries {queries.shape[1]}: "
                            "search with the model that made the index, or build it again")
        return self.vectors.search(queries, k)

    def check_model(self, fingerprint: str, width: int) -> None:
        """
        Raises
            UserError   another model made these vectors: their width, or weights and settings, are others
        """
        made = f"the index was made by the model {self.model_folder or self.model[:8]}"
        if width != self.vectors.width:
            raise UserError(f"{made} with {self.vectors.width} numbers a vector, this one gives {width}: search with "
                            "that model, or build the index again")
        if self.model not in ("", fingerprint):
            raise UserError(f"{made}, and this is another (weights, pooling, normalisation, prefixes, tokens or length "
                            "differ): search with that model, or build the index again")

    def add(self, embeddings: np.ndarray, texts: Sequence[str], ids: Sequence[str] | None = None) -> None:
        """More passages behind the others, in memory; `save` writes them.

        ids   None: numbered on, from above the highest number there is

        Raises
            UserError   an id is there already or stands here twice, an embedding is not finite
        """
        ids = names(ids, texts, embeddings, self.passages.next_number() if ids is None else 0)
        self.passages.check_new(ids)
        self._into_memory()
        self.vectors.add(embeddings)
        self.passages.add(ids, texts)

    def remove(self, ids: Sequence[str]) -> None:
        """Fewer passages, in memory; `save` writes it.

        Raises
            UserError   an id is not there, or stands here twice
        """
        places = self.passages.places_of(ids)
        self._into_memory()
        self.vectors.remove(places)
        self.passages.remove(places)

    def _into_memory(self) -> None:
        if self._mapped:
            self.vectors.replace(self._origin.vectors())
            self._mapped = False

    def save(self, folder: str | Path) -> None:
        """Write the folder, whole or not at all; an index that was there is replaced, but not for who has it open.

        Raises
            UserError   the disk is full, the folder cannot be written, or another process changed it meanwhile
        """
        folder = Path(folder).resolve()
        if self._origin and folder == self._origin.folder:
            self._origin.check()
        model = {"model": self.model, "model_folder": self.model_folder, "role": self.role}
        with write_beside(folder) as beside:
            index_folder.write(beside, self.vectors, self.passages, model)
        if self._origin and folder == self._origin.folder:
            self._origin = Origin(folder, index_folder.read_settings(folder))

    @classmethod
    def open(cls, folder: str | Path, device: str = "auto") -> "Index":
        """The index that `save` wrote: vectors mapped into memory, texts read when asked for.

        device   where to search: cpu, cuda, or auto, which is a GPU if there is one that FAISS can use

        Raises
            UserError   no index there, damaged files, or files that do not belong together
        """
        vectors, passages, settings = index_folder.read(Path(folder), device)
        index = cls(vectors, passages, settings["model"], settings["model_folder"], settings["role"])
        index._origin, index._mapped = Origin(Path(folder).resolve(), settings), True
        return index
