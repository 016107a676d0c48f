"""An index from a stream of passages: block by block onto disk, and then into one folder.

Memory holds one block of texts and embeddings, 8 bytes for each id, and what FAISS needs: nothing beyond a block for
flat, a sample to learn from for int8, that and the index itself for the others. Killed and started again, it goes on
behind the last finished block and writes the same folder, byte for byte; for hnsw that takes OMP_NUM_THREADS=1, since
threads that add to one graph at the same time link it differently each time.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lit_embed.batches import text_ids
from lit_embed.errors import UserError
from lit_embed.files import write_beside
from lit_embed.search import kinds
from lit_embed.search.gpu import on_cpu, on_gpus
from lit_embed.search.index_folder import TEXTS, VECTORS, write_settings
from lit_embed.search.passage_file import PassageWriter, refuse_repeated
from lit_embed.search.recall import measured_recall
from lit_embed.search.shards import Shards
from lit_embed.search.vector_file import read_vectors, write_codes, write_vectors
from lit_embed.search.vectors import Vectors, prepared

Encode = Callable[[list[str]], np.ndarray]                  # n texts -> (n, D)
Block = tuple[list[str] | None, list[str]]                  # ids, or none, and texts
Told = Callable[[str, int], None]


@dataclass(frozen=True)
class Plan:
    """What an index shall be.

    model, model_folder, role   as in Index
    embedding                   what else the embeddings depend on, such as the precision they are made with
    kind, similarity, effort    as in Index; effort None: the kind's default
    device                      where FAISS works: cpu, cuda or auto
    """

    model: str = ""
    model_folder: str = ""
    role: str = "document"
    embedding: str = ""
    kind: str = "auto"
    similarity: str = "cosine"
    effort: int | None = None
    device: str = "auto"

    def check(self) -> None:
        """
        Raises
            UserError   a name that there is not, or a GPU that is not here: better before hours of embedding than after
        """
        kind = kinds.chosen(self.kind, self.similarity, 1)
        index = kinds.empty_index(kind, 4, 1, self.similarity)
        on_gpus(index, kind, self.device)
        if self.effort is not None and self.effort < 1:
            raise UserError(f"effort {self.effort}: a search has to look at one list or candidate at least")


def build_index(blocks: Iterable[Block], encode: Encode, folder: str | Path, plan: Plan,
                questions: np.ndarray | None = None, told: Told = lambda step, passages: None) -> float:
    """Embed all blocks, and write the folder that Index.open reads; the recall@10 measured, 1 for a kind that is exact.

    questions   (Q, D) embeddings that recall is measured with; None: passages stand in
    told        is called with "kept", "embedded" or "added" and how many passages were; with "changed" and the row from
                which on an earlier start had others; with "learning" and how many passages FAISS learns from

    Raises
        UserError   no passages, an id that stands there twice, embeddings that are not finite, a plan that cannot be
    """
    plan.check()
    folder = Path(folder)
    shards = embed_blocks(blocks, encode, folder.with_name(f"{folder.name}.part"), plan, told)
    if not len(shards):
        raise UserError("there are no passages to make an index of")
    kind = kinds.chosen(plan.kind, plan.similarity, len(shards))
    with write_beside(folder) as beside:
        beside.mkdir()
        vectors = assemble(shards, kind, plan, beside / VECTORS, told)
        with PassageWriter(beside / TEXTS) as writer:
            for ids, texts in shards.passages():
                writer.write(ids, texts)
        recall = 1.0 if kind == "flat" else measured_recall(vectors, shards, questions)
        measured = {} if kind == "flat" else {"recall@10": round(recall, 4)}
        write_settings(beside, {"model": plan.model, "model_folder": plan.model_folder, "role": plan.role}
                       | vectors.description() | measured)
    shutil.rmtree(shards.folder)
    return recall


def embed_blocks(blocks: Iterable[Block], encode: Encode, folder: Path, plan: Plan, told: Told) -> Shards:
    """Every block embedded and kept in the folder; those that an earlier start finished are taken as they are."""
    shards = Shards(folder, json.dumps([plan.model, plan.role, plan.embedding]))
    seen, differed = np.zeros(0, dtype=np.int64), False
    for ids, texts in blocks:
        numbered = ids is None
        ids = [str(row) for row in range(len(shards), len(shards) + len(texts))] if numbered else ids
        if not numbered:
            seen = _all_different(seen, ids)
        if shards.find(ids, texts):
            told("kept", len(texts))
            continue
        if shards.differ and not differed:
            told("changed", len(shards))
            differed = True
        shards.add(ids, texts, prepared(encode(texts), "dot"))                          # (n, D), finite
        told("embedded", len(texts))
    shards.forget_others()
    return shards


def _all_different(seen: np.ndarray, ids: list[str]) -> np.ndarray:                     # (N,) -> (N + n,)
    first = len(seen)
    new = text_ids(ids)
    refuse_repeated(ids)
    repeated = np.flatnonzero(np.isin(new, seen))
    if len(repeated):
        row = int(np.flatnonzero(seen == new[repeated[0]])[0])
        raise UserError(f"id {ids[repeated[0]]!r} is that of row {row + 1} and of row {first + repeated[0] + 1}: "
                        "each passage needs its own")
    return np.concatenate([seen, new])


def assemble(shards: Shards, kind: str, plan: Plan, file: Path, told: Told = lambda step, passages: None) -> Vectors:
    """The file of vectors, and they as a reader will see them."""
    sample = prepared(shards.rows(kinds.sample_rows(kind, len(shards))), plan.similarity)             # (S, D)
    empty = kinds.empty_index(kind, sample.shape[1], len(shards), plan.similarity)
    index = on_gpus(empty, kind, plan.device)
    told("learning", len(sample))
    kinds.train(index, kind, sample)

    def blocks():
        for block in shards.embeddings():
            yield prepared(block, plan.similarity)                                                    # (n, D)
            told("added", len(block))

    if kind in kinds.EXHAUSTIVE:
        write_codes(on_cpu(index, empty), blocks(), file)
    else:
        for block in blocks():
            index.add(block)
        index = on_cpu(index, empty)
        if plan.effort is not None:
            kinds.set_effort(index, kind, plan.effort)
        write_vectors(index, file)
    return Vectors(read_vectors(file), kind, plan.similarity, device=plan.device)
