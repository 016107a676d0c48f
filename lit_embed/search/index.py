"""A flat index: every passage compared with every question, exactly; enough up to a million passages on one machine.

On disk it is a folder of three plain files: `vectors.faiss`, `texts.parquet` (column `text`) and `settings.json`
(`model`: fingerprint of the encoder that made the vectors, `count`, `width`).
"""

import json
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lit_embed.errors import UserError
from lit_embed.files import write_beside

VECTORS, TEXTS, SETTINGS = "vectors.faiss", "texts.parquet", "settings.json"


def _unit(vectors: np.ndarray) -> np.ndarray:                               # (N, D) -> (N, D)
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"embeddings are (N, D), not {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise UserError("the model gives NaN or infinite numbers, which no search can compare: its training diverged; "
                        "start again with a lower learning rate")
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


class Index:
    """N passages and their unit vectors, searched by cosine.

    vectors   a FAISS index of inner products
    texts     N passages; the id of a passage is its place
    model     fingerprint of the encoder that made the vectors, "" where nobody knows
    """

    def __init__(self, vectors: faiss.Index, texts: list[str], model: str = ""):
        self.vectors, self.texts, self.model = vectors, texts, model

    @classmethod
    def build(cls, embeddings: np.ndarray, texts: list[str], model: str = "") -> "Index":
        """Embeddings (N, D) of N texts, in the same order; they are normalised here.

        Raises
            UserError   an embedding is not finite
        """
        if len(embeddings) != len(texts):
            raise ValueError(f"{len(texts)} texts have {len(embeddings)} embeddings")
        unit = _unit(embeddings)
        vectors = faiss.IndexFlatIP(unit.shape[1])
        vectors.add(unit)
        return cls(vectors, list(texts), model)

    def __len__(self) -> int:
        return len(self.texts)

    def text(self, place: int) -> str:
        return self.texts[place]

    @property
    def ids(self) -> list[str]:
        return [str(place) for place in range(len(self))]

    def search(self, queries: np.ndarray, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
        """The k most similar passages of each query, best first, equal ones in the order of the corpus.

        queries   (Q, D)
        returns   cosines (Q, K) float32 and places in `texts` (Q, K) int64; K = k, or N where the corpus is smaller
        """
        if queries.ndim == 2 and queries.shape[1] != self.vectors.d:
            raise UserError(f"the index has vectors of {self.vectors.d} numbers, the queries {queries.shape[1]}: "
                            "search with the model that made the index, or build it again")
        queries, k = _unit(queries), max(0, min(k, len(self)))
        if not k or not len(queries):
            return np.zeros((len(queries), k), dtype=np.float32), np.zeros((len(queries), k), dtype=np.int64)
        scores, places = self.vectors.search(queries, k)
        order = np.lexsort((places, -scores))                               # FAISS hands equal scores back in any order
        return np.take_along_axis(scores, order, axis=1), np.take_along_axis(places, order, axis=1)

    def save(self, folder: str | Path) -> None:
        """Write the folder, whole or not at all; an index that was there is replaced.

        Raises
            UserError   the disk is full, or the folder cannot be written
        """
        settings = {"model": self.model, "count": len(self), "width": self.vectors.d}
        with write_beside(folder) as beside:
            beside.mkdir()
            # FAISS reports a full disk as its own error without the number of it; bytes written by Python do not.
            (beside / VECTORS).write_bytes(faiss.serialize_index(self.vectors).data)
            pq.write_table(pa.table({"text": pa.array(self.texts, pa.large_string())}), beside / TEXTS)
            (beside / SETTINGS).write_text(json.dumps(settings, indent=2) + "\n", encoding="utf8")

    @classmethod
    def open(cls, folder: str | Path) -> "Index":
        """The index that `save` wrote.

        Raises
            UserError   no index there, or its files do not belong together
        """
        folder = Path(folder)
        missing = [name for name in (VECTORS, TEXTS, SETTINGS) if not (folder / name).is_file()]
        if missing:
            raise UserError(f"no search index in {folder} ({', '.join(missing)} missing): a finished run with the "
                            "SearchIndex callback leaves one in <run>/index")
        try:
            vectors = faiss.read_index(str(folder / VECTORS))
            texts = pq.read_table(folder / TEXTS).column("text").to_pylist()
            settings = json.loads((folder / SETTINGS).read_text(encoding="utf8"))
        except (RuntimeError, ValueError, KeyError, OSError) as error:
            raise UserError(f"the search index in {folder} cannot be read ({error}): build it again") from error
        if not vectors.ntotal == len(texts) == settings.get("count"):
            raise UserError(f"the search index in {folder} has {vectors.ntotal} vectors for {len(texts)} texts: "
                            "build it again")
        return cls(vectors, texts, settings.get("model", ""))
