"""How fast is it? Pairs and tokens a second over the last steps, of all processes together, without validation."""

from collections import deque

import pytorch_lightning as pl
import torch

from lit_embed.batches import PairBatch
from lit_embed.callbacks.stopwatch import Stopwatch
from lit_embed.distributed import world_size


class Throughput(pl.Callback):
    """Logs pairs/s and tokens/s at every step, in the progress bar and to the loggers.

    steps    how many steps the rate is averaged over
    """

    def __init__(self, steps: int = 50):
        self._watch = Stopwatch()
        self._done: deque[tuple[float, int, int]] = deque(maxlen=steps + 1)       # seconds, pairs, tokens at each step

    def on_train_epoch_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._start()

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: PairBatch,
                             batch_idx: int) -> None:
        self._start()              # a run that goes on in the middle of an epoch has no start of that epoch

    def _start(self) -> None:
        self._watch.start()
        if not self._done:
            self._done.append((self._watch.seconds, 0, 0))

    def on_train_batch_end(self, trainer: pl.Trainer, module: pl.LightningModule, outputs: object, batch: PairBatch,
                           batch_idx: int) -> None:
        # Lengths stay on the host, and the rates are tensors of the CPU: nothing here waits for a GPU. A GPU works
        # behind the clock, but over fifty steps no further than the few it has queued.
        _, pairs_before, tokens_before = self._done[-1]
        self._done.append((self._watch.seconds, pairs_before + len(batch), tokens_before + batch.tokens))
        (start, first_pairs, first_tokens), (end, last_pairs, last_tokens) = self._done[0], self._done[-1]
        rate = world_size() / max(end - start, 1e-9)
        for name, count in [("pairs/s", last_pairs - first_pairs), ("tokens/s", last_tokens - first_tokens)]:
            module.log(name, torch.tensor(count * rate), prog_bar=True, on_step=True, on_epoch=False, batch_size=1)

    def on_validation_start(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._watch.pause()

    def on_validation_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._watch.resume()

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        self._watch.stop()
