"""Another model's vectors of the documents of an index, to compare with: made once, kept in the folder of the index."""

import sys
from pathlib import Path

from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.search import Index
from lit_embed.search.bm25 import identity
from lit_embed.search.fingerprint import fingerprint

BASE = "base_index"     # inside the folder of the index
MOST = 100_000          # documents that are embedded while somebody waits for a server to start


def open_base_index(folder: Path, index: Index, encoder: TextEncoder) -> Index:
    """The vectors of this encoder for the documents of `index`, in the same order, compared in the same way.

    folder   of the index; what is kept in it is used if it is of this encoder and these documents

    Raises
        UserError   more documents than can be embedded meanwhile
    """
    made_by = fingerprint(encoder)
    kept = _kept(folder / BASE, index, made_by)
    if kept is not None:
        return kept
    if len(index) > MOST:
        raise UserError(f"--base would embed {len(index):,} documents before the server starts, {MOST:,} at most: leave it out, or "
                        "serve an index that the base model made beside this one")
    print(f"embedding {len(index):,} documents with the base model, once", file=sys.stderr)
    texts = list(index.texts)
    base = Index.build(encoder.encode(texts, "document", progress=True), texts, made_by, "flat", index.similarity, list(index.ids))
    try:
        base.save(folder / BASE)
    except UserError as error:                           # an index that many read and few may write to
        print(f"not kept: {error}", file=sys.stderr)
    return base


def _kept(folder: Path, index: Index, made_by: str) -> Index | None:
    if not folder.is_dir():
        return None
    try:
        base = Index.open(folder)
    except UserError as error:
        print(error, file=sys.stderr)
        return None
    same = base.model == made_by and base.similarity == index.similarity and len(base) == len(index)
    return base if same and identity(base.texts) == identity(index.texts) else None
