"""How many tokens a text is, asked before it waits for a model: for the budget of a batch, and for who counts usage."""

import asyncio
import copy
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from lit_embed.models.pair_tokenizer import PairTokenizer
from lit_embed.models.tokenizer import TextTokenizer

LETTERS_A_TOKEN = 4         # of a model that shows no tokenizer


class TokenCounter:
    """Counts with a copy of a model's tokenizer, in a thread of its own: a fast tokenizer serves one thread at a time.

    tokenizer   of any other kind, or None: tokens are guessed from letters
    """

    def __init__(self, tokenizer: TextTokenizer | PairTokenizer | None):
        self._tokenizer = copy.deepcopy(tokenizer) if isinstance(tokenizer, TextTokenizer | PairTokenizer) else None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokens")

    async def count(self, texts: list[str], prefix: str = "") -> tuple[np.ndarray, int]:
        """Tokens of N texts with `prefix` before each, (N,), as many as the model reads; and how many texts it cuts."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._count, texts, prefix)

    def _count(self, texts: list[str], prefix: str) -> tuple[np.ndarray, int]:
        if self._tokenizer is None:
            return np.array([1 + len(prefix + text) // LETTERS_A_TOKEN for text in texts]), 0
        _, lengths, truncated = self._tokenizer.tokenize(texts, prefix)
        return lengths, truncated

    def close(self) -> None:
        self._thread.shutdown()
