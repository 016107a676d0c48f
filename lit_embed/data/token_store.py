"""Distinct texts, tokenised once and kept in an Arrow file: read by memory map, gathered as numpy slices.

The file is named by its content (the texts, the prefix, the tokenizer), so nothing is ever stale: other texts are
another file. A batch is one gather from one long array of token ids, without a Python loop over its texts.
"""

import hashlib
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import torch
from tqdm.auto import tqdm

from lit_embed.batches import Tokens, text_ids
from lit_embed.errors import UserError
from lit_embed.files import write_beside

TEXTS_AT_ONCE = 10_000


class Tokenizer(Protocol):
    """What the store asks of models.TextTokenizer."""

    fingerprint: str
    max_length: int

    def tokenize(self, texts: list[str], prefix: str = "") -> tuple[np.ndarray, np.ndarray, int]: ...


class TokenStore:
    """M distinct texts in the order of their identities.

    identities   (M,)    int64, ascending: batches.text_ids of each text
    starts       (M+1,)  int64: text m is ids[starts[m]:starts[m + 1]]
    ids          (S,)    int32
    truncated            how many of the texts were longer than the tokenizer's maximum
    """

    def __init__(self, path: Path):
        self.path = path
        file = pa.ipc.open_file(pa.memory_map(str(path)))
        batch = file.get_batch(0)
        self.identities = batch.column("identity").to_numpy()
        self.starts = batch.column("ids").offsets.to_numpy()
        self.ids = batch.column("ids").values.to_numpy()
        self.truncated = int(file.schema.metadata[b"truncated"])

    def __reduce__(self):
        # A worker process maps the file again; the arrays are never copied to it.
        return TokenStore, (self.path,)

    def __len__(self) -> int:
        return len(self.identities)

    def places(self, identities: np.ndarray) -> np.ndarray:
        """Where texts with these identities (any shape) stand in the store; all of them must be in it."""
        return np.searchsorted(self.identities, identities)

    def tokens(self, places: np.ndarray) -> Tokens:
        """The texts at these places (N,), laid end to end."""
        starts = self.starts[places]                                                     # (N,)
        lengths = self.starts[places + 1] - starts                                       # (N,)
        shift = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)              # (S,)
        ids = self.ids[np.arange(len(shift)) + shift]                                    # (S,)
        return Tokens(torch.from_numpy(ids.astype(np.int64)), torch.from_numpy(lengths))


def open_store(texts: list[str], prefix: str, tokenizer: Tokenizer, folder: Path) -> TokenStore:
    """The store of these texts: the file in `folder` if it is there, tokenised and written now if not."""
    identities, first = np.unique(text_ids(texts), return_index=True)
    key = hashlib.blake2b(identities.tobytes(), digest_size=16)
    key.update(f"{prefix}\0{tokenizer.fingerprint}".encode())
    path = folder / f"{key.hexdigest()}.arrow"
    if not path.exists():
        _write(path, identities, [texts[place] for place in first], prefix, tokenizer)
    try:
        return TokenStore(path)
    except (pa.ArrowException, OSError, KeyError) as error:
        raise UserError(f"{path} is damaged ({error}); delete it, it will be made again") from error


def _write(path: Path, identities: np.ndarray, texts: list[str], prefix: str, tokenizer: Tokenizer) -> None:
    ids, lengths, truncated = [], [], 0
    # The bar appears only when it takes longer than a moment.
    with tqdm(total=len(texts), desc="tokenising", unit=" texts", delay=2, leave=False) as bar:
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            part = texts[start : start + TEXTS_AT_ONCE]
            part_ids, part_lengths, part_truncated = tokenizer.tokenize(part, prefix)
            ids.append(part_ids)
            lengths.append(part_lengths)
            truncated += part_truncated
            bar.update(len(part))
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum(np.concatenate(lengths), out=starts[1:])
    column = pa.LargeListArray.from_arrays(pa.array(starts), pa.array(np.concatenate(ids).astype(np.int32)))
    batch = pa.record_batch({"identity": pa.array(identities), "ids": column})
    batch = batch.replace_schema_metadata({"truncated": str(truncated)})
    with write_beside(path) as beside, pa.OSFile(str(beside), "wb") as sink:
        with pa.ipc.new_file(sink, batch.schema) as file:
            file.write_batch(batch)
