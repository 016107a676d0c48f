"""What `lit-embed index` shows on standard error while it works: passages done, and how long the rest will take."""

from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from lit_embed.models import TextEncoder

CHUNK = 1_024           # passages between two movements of the bar, alike in length


class IndexProgress:
    """A bar for embedding and one for what FAISS does then.

    total   passages, more or less; it is put right when the last one is embedded
    """

    def __init__(self, total: int, shown: bool = True):
        columns = [*Progress.get_default_columns(), MofNCompleteColumn()]
        self._bar = Progress(*columns, console=Console(stderr=True), disable=not shown)
        self._embedding = self._bar.add_task("embedding", total=total)
        self._indexing = self._bar.add_task("indexing", total=total, visible=False)
        self._done = self._kept = 0

    def embedded(self, passages: int) -> None:
        self._done += passages
        self._bar.advance(self._embedding, passages)

    def told(self, step: str, passages: int) -> None:
        """What build_index has done."""
        if step == "kept":
            self._kept += passages
            self.embedded(passages)
        elif step == "changed":
            self._bar.console.print(f"an earlier start had other passages or settings from row {passages + 1:,} on: "
                                    "they are embedded anew")
        elif step == "learning":
            self._bar.update(self._embedding, total=self._done)
            self._bar.update(self._indexing, total=self._done, visible=True)
            if self._kept:
                self._bar.console.print(f"{self._kept:,} of {self._done:,} passages were embedded by an earlier start")
            if passages:
                self._bar.console.print(f"FAISS learns from {passages:,} of them")
        elif step == "added":
            self._bar.advance(self._indexing, passages)

    def __enter__(self) -> "IndexProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def embedding_by(encoder: TextEncoder, role: str, batch_tokens: int | None, done: Callable[[int], None]
                 ) -> Callable[[list[str]], np.ndarray]:
    """Texts -> (n, D), telling after every chunk how many are done; the same numbers every time for the same texts."""

    def encode(texts: list[str]) -> np.ndarray:
        order = np.argsort([len(text) for text in texts], kind="stable")
        embeddings = np.empty((len(texts), encoder.width), dtype=np.float32)
        for start in range(0, len(order), CHUNK):
            part = order[start:start + CHUNK]
            embeddings[part] = encoder.encode([texts[i] for i in part], role, batch_tokens)
            done(len(part))
        return embeddings

    return encode
