"""The kinds of FAISS index by name: how each is built, how much it learns from, how hard it looks.

    kind      bytes a vector      looks at                               remove
    flat      4 D                 every vector, exactly                  exact
    int8      D                   every vector, each number in 256 steps exact
    binary    D / 8 + D           every vector's signs, then the int8 of exact
                                  the `effort` times K nearest
    ivf       4 D + 8             the nearest `effort` of the lists      exact
    ivf-pq    D / 4 + 8           the same, four numbers in one byte     exact
    hnsw      4 D + 264           a graph, `effort` candidates at a time removed vectors stay in the graph, unseen

binary compares signs first, 48 bytes where D is 384: Hamming distance proposes candidates and their int8 vectors rank
them (two steps as in Yamada et al. 2021, arXiv 2106.00882, which ranks by signs against the question in float). Signs know
nothing of a vector's length, which is no loss for the cosine.
What FAISS says about choosing: https://github.com/facebookresearch/faiss/wiki/Guidelines-to-choose-an-index
"""

import math

import faiss
import numpy as np

from lit_embed.errors import UserError

KINDS = ("flat", "int8", "binary", "ivf", "ivf-pq", "hnsw")
EXHAUSTIVE = ("flat", "int8")            # every vector is looked at, so that equal scores have an order
METRICS = {"cosine": faiss.METRIC_INNER_PRODUCT, "dot": faiss.METRIC_INNER_PRODUCT, "l2": faiss.METRIC_L2}
LINKS, CANDIDATES = 32, 80               # HNSW: links of a vector, and candidates looked at to choose them
OVERSAMPLE = 20                          # binary: candidates ranked for each result that is wanted
POINTS = 50                              # vectors that a centroid learns from; FAISS asks for 39, uses 256 at most


def recommended(count: int) -> str:
    """Exact as long as that takes milliseconds; then lists of whole vectors; then, where memory fills up, of codes."""
    return "flat" if count <= 100_000 else "ivf" if count <= 5_000_000 else "ivf-pq"


def chosen(kind: str, similarity: str, count: int) -> str:
    """The kind that this name stands for.

    Raises
        UserError   there is no such kind or similarity, or there is nothing that a kind could learn from
    """
    if kind not in ("auto", *KINDS):
        raise UserError(f"no kind of index {kind!r}: there are auto, {', '.join(KINDS)}")
    if similarity not in METRICS:
        raise UserError(f"no similarity {similarity!r}: there are {', '.join(METRICS)}")
    kind = recommended(count) if kind == "auto" else kind
    if not count and kind not in ("flat", "hnsw"):
        raise UserError(f"an index of kind {kind} learns from the passages, and there are none: kind flat needs none")
    return kind


def lists_of(count: int) -> int:
    """Four times the root of the number of vectors, as FAISS advises, and enough vectors for each to learn from."""
    return max(1, min(round(4 * math.sqrt(count)), count // POINTS))


def empty_index(kind: str, width: int, count: int, similarity: str) -> faiss.Index:
    """An index for `count` vectors of `width` numbers that has learned nothing and holds nothing."""
    metric, lists = METRICS[similarity], lists_of(count)
    if kind == "hnsw":
        index = faiss.IndexHNSWFlat(width, LINKS, metric)
        index.hnsw.efConstruction = CANDIDATES
    elif kind == "binary":
        index = faiss.index_factory(width, "LSH,Refine(SQ8)")             # LSH: signs, neither rotated nor shifted
        for part in (index.base_index, index.refine_index, index):        # the factory makes it for l2 alone
            part.metric_type = metric
    else:
        codes = next(width // four for four in (4, 2, 1) if width % four == 0)
        index = faiss.index_factory(width, {"flat": "Flat", "int8": "SQ8", "ivf": f"IVF{lists},Flat",
                                            "ivf-pq": f"IVF{lists},PQ{codes}x8"}[kind], metric)
    if kind in ("ivf", "ivf-pq"):
        index.cp.min_points_per_centroid = 1          # fewer than FAISS would like is no mistake in a small corpus
    if kind == "ivf-pq":
        index.pq.cp.min_points_per_centroid = 1
        index.pq.cp.niter, index.pq.cp.max_points_per_centroid = 12, 100          # a sixth of the time, no worse recall
        index.do_polysemous_training = False          # long work for a search that nobody asks for
    set_effort(index, kind, default_effort(kind, lists))
    return index


def sample_rows(kind: str, count: int) -> np.ndarray:
    """Which vectors a kind learns from, drawn by chance but always the same ones.  -> (S,) ascending"""
    wanted = {"flat": 0, "hnsw": 0, "int8": 50_000, "binary": 50_000, "ivf": POINTS * lists_of(count),
              "ivf-pq": POINTS * max(256, lists_of(count))}[kind]
    rows = np.random.default_rng(0).permutation(count)[:wanted]
    return np.sort(rows)


def train(index: faiss.Index, kind: str, sample: np.ndarray) -> None:
    """Learn lists and codes from a sample (S, D) of the vectors."""
    if kind == "ivf-pq" and len(sample) < 256:
        sample = np.resize(sample, (256, sample.shape[1]))     # FAISS wants a vector for each code of a byte
    if not index.is_trained:
        index.train(np.ascontiguousarray(sample))


def default_effort(kind: str, lists: int) -> int:
    """Three times the root of the number of lists; for HNSW 64 candidates, for binary 20 a result; 0 where nothing can be left out.

    With 19,000 sentences of MNLI (MiniLM-L3, 379 lists) that is recall@10 of .96 for ivf, .83 for ivf-pq, .98 for hnsw; with the
    5,183 abstracts of SciFact and its 300 claims (MiniLM-L6) .976 for binary, whose signs alone find .565.
    """
    return {"ivf": min(lists, round(3 * math.sqrt(lists))), "ivf-pq": min(lists, round(3 * math.sqrt(lists))),
            "hnsw": 64, "binary": OVERSAMPLE}.get(kind, 0)


def effort_of(index: faiss.Index, kind: str) -> int:
    """Lists (ivf, ivf-pq), candidates (hnsw), or candidates for each result (binary) that a search looks at; 0: everything."""
    if kind == "binary":
        return int(index.k_factor)
    return index.hnsw.efSearch if kind == "hnsw" else index.nprobe if kind in ("ivf", "ivf-pq") else 0


def set_effort(index: faiss.Index, kind: str, effort: int) -> None:
    """No more than there are lists; of no consequence where everything is looked at.

    Raises
        UserError   less than one
    """
    if effort < 1 and kind not in EXHAUSTIVE:
        raise UserError(f"effort {effort}: a search has to look at one list or candidate at least")
    if kind == "hnsw":
        index.hnsw.efSearch = effort
    elif kind == "binary":
        index.k_factor = effort
    elif kind not in EXHAUSTIVE:
        index.nprobe = min(effort, index.nlist)


def parameters(index: faiss.Index, kind: str) -> dict[str, int]:
    """What FAISS was told, by FAISS's names."""
    if kind == "hnsw":
        return {"M": LINKS, "efConstruction": index.hnsw.efConstruction, "efSearch": index.hnsw.efSearch}
    if kind == "binary":
        return {"k_factor": int(index.k_factor)}
    if kind in ("ivf", "ivf-pq"):
        codes = {"M": index.pq.M, "nbits": index.pq.nbits} if kind == "ivf-pq" else {}
        return {"nlist": index.nlist, "nprobe": index.nprobe} | codes
    return {}


def remove(index: faiss.Index, kind: str, numbers: np.ndarray) -> None:
    """Forget these vectors (M,); the others move up, except in ivf and ivf-pq, whose lists keep the old numbers."""
    if kind != "binary":
        index.remove_ids(numbers)
        return
    for part in (index.base_index, index.refine_index):       # FAISS removes from either, not from both
        part.remove_ids(numbers)
    index.ntotal = index.base_index.ntotal


def worn(index: faiss.Index, kind: str, removed: int) -> str:
    """Why building it again would pay after all that was added and removed; "" where it would not."""
    if removed * 4 > index.ntotal:
        return f"{removed:,} of the {index.ntotal:,} vectors in its graph are removed, yet every search walks them"
    if kind in ("ivf", "ivf-pq") and not index.nlist / 4 <= lists_of(index.ntotal) <= 4 * index.nlist:
        return f"its {index.nlist} lists suited another number of vectors than {index.ntotal:,}"
    return ""
