"""A tokenizer of whole words, and the little of a Trainer that a data module looks at."""

from types import SimpleNamespace

import numpy as np


class WordTokenizer:
    """One id a word: the sum of its letters' code points. Counts how often it was asked."""

    def __init__(self, max_length: int = 8, fingerprint: str = "words"):
        self.max_length, self.fingerprint, self.asked = max_length, f"{fingerprint} {max_length}", []

    def tokenize(self, texts, prefix=""):
        self.asked += [prefix + text for text in texts]
        rows = [[sum(map(ord, word)) for word in (prefix + text).split()] for text in texts]
        truncated = sum(len(row) > self.max_length for row in rows)
        rows = [row[: self.max_length] for row in rows]
        ids = np.array([token for row in rows for token in row], dtype=np.int32)
        return ids, np.array([len(row) for row in rows], dtype=np.int32), truncated


def with_trainer(data, tokenizer=None, query_prefix="", document_prefix="", stage="fit", overfit_batches=0):
    """The data module as the Trainer would have it, prepared and set up."""
    encoder = SimpleNamespace(tokenizer=tokenizer or WordTokenizer(), query_prefix=query_prefix,
                              document_prefix=document_prefix)
    data.trainer = SimpleNamespace(lightning_module=SimpleNamespace(encoder=encoder), state=SimpleNamespace(fn=stage),
                                   overfit_batches=overfit_batches)
    data.prepare_data()
    data.setup(stage)
    return data


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def unpack(tokens) -> list[list[int]]:
    """The ids of each text, one by one: the slow way."""
    ends = tokens.lengths.cumsum(0).tolist()
    return [tokens.ids[end - length : end].tolist() for end, length in zip(ends, tokens.lengths.tolist(), strict=True)]
