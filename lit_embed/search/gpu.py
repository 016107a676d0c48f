"""FAISS on GPUs, where the package faiss-gpu is installed and there is one; the choice is made at run time."""

import faiss

from lit_embed.errors import UserError

KINDS = ("flat", "ivf", "ivf-pq")        # what FAISS has for GPUs; the others stay on the CPU
MOST = 2048                              # results of a query that FAISS finds there
EXTRA = "pip install 'lit-embed[faiss-gpu]' in place of faiss-cpu"


def on_gpus(index: faiss.Index, kind: str, device: str = "auto") -> faiss.Index:
    """The index on all GPUs; as it is for "cpu", and for "auto" where there is no GPU or the kind has no use of it.

    Raises
        UserError   "cuda", and FAISS sees no GPU or has nothing for this kind there
    """
    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"device {device!r}: there are auto, cpu and cuda")
    gpus = getattr(faiss, "get_num_gpus", lambda: 0)()
    if device == "cuda" and not gpus:
        raise UserError(f"device cuda: FAISS sees no GPU here; it needs one, and its package ({EXTRA}); or device cpu")
    if device == "cuda" and kind not in KINDS:
        raise UserError(f"device cuda: FAISS has no {kind} for GPUs, but {', '.join(KINDS)}; or device cpu")
    return faiss.index_cpu_to_all_gpus(index) if device != "cpu" and gpus and kind in KINDS else index


def on_cpu(index: faiss.Index, before: faiss.Index) -> faiss.Index:
    """The index back from the GPUs, so that it can be saved; `before` is what on_gpus was given."""
    return index if index is before else faiss.index_gpu_to_cpu(index)
