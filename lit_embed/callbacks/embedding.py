"""Embeds texts and scores pairs in the middle of a run, every process its share; the run goes on undisturbed."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.seed import isolate_rng
from rich.progress import Progress
from torch import Tensor

from lit_embed.distributed import gather, gather_examples, rank, world_size
from lit_embed.models.backbone import evaluating
from lit_embed.models.whole_weights import whole

CHUNK = 512  # texts or pairs between two movements of the progress bar


@contextmanager
def undisturbed(trainer: pl.Trainer, module: pl.LightningModule) -> Iterator[None]:
    """Whole weights, eval mode, no gradient, the run's precision; afterwards all that and random numbers are as before."""
    with whole(module), isolate_rng(), trainer.precision_plugin.forward_context(), evaluating(module):
        yield


def embed(trainer: pl.Trainer, module: pl.LightningModule, texts: list[str], role: str, title: str = "") -> Tensor:
    """Embeddings of N texts on every process, each computed by one.  -> (N, D) float32 on the module's device

    role    "query" or "document": which prefix the encoder puts before each text
    title   show the progress under this name; "" shows nothing
    """
    def encode(places: np.ndarray) -> np.ndarray:                                        # (n,) -> (n, D)
        return module.encoder.encode([texts[i] for i in places], role)

    return _dealt_out(trainer, module, [len(text) for text in texts], encode, title)


def embed_stored(trainer: pl.Trainer, module: pl.LightningModule, store, places: np.ndarray, title: str = "") -> Tensor:
    """As `embed`, of texts that lie tokenised in a TokenStore, at these places (N,)."""
    def forward(which: np.ndarray) -> np.ndarray:                                        # (n,) -> (n, D)
        return module.encoder(store.tokens(places[which]).to(module.device)).float().cpu().numpy()

    lengths = store.starts[places + 1] - store.starts[places]                            # (N,)
    return _dealt_out(trainer, module, lengths, forward, title)


def embed_images(trainer: pl.Trainer, module: pl.LightningModule, images: list, title: str = "") -> Tensor:
    """As `embed`, of N pictures: paths, or the contents of files."""
    def encode(places: np.ndarray) -> np.ndarray:                                        # (n,) -> (n, D)
        return module.encoder.encode_images([images[i] for i in places])

    return _dealt_out(trainer, module, [1] * len(images), encode, title)


def score(trainer: pl.Trainer, module: pl.LightningModule, pairs: list[tuple[str, str]], title: str = "") -> Tensor:
    """Scores of N pairs on every process, each computed by one, equal pairs once: they must tie to the last bit.

    title     show the progress under this name; "" shows nothing
    returns   (N,) float32 on the module's device, or (N, L) logits of a model with L classes
    """
    number: dict[tuple[str, str], int] = {}
    which = [number.setdefault(pair, len(number)) for pair in pairs]                     # (N,) into the distinct pairs
    once = list(number)

    def score_once(places: np.ndarray) -> np.ndarray:                                    # (n,) -> (n,) or (n, L)
        return module.encoder.score([once[i] for i in places])

    scores = _dealt_out(trainer, module, [len(query) + len(document) for query, document in once], score_once, title)
    return scores[torch.tensor(which, dtype=torch.long, device=scores.device)]


def _dealt_out(trainer: pl.Trainer, module: pl.LightningModule, lengths: Sequence[int],
               compute: Callable[[np.ndarray], np.ndarray], title: str) -> Tensor:
    """What `compute` gives for n places among N examples, for all of them in their order.  (N,) lengths -> (N, ...)"""
    # Dealing out examples in the order of their length gives every process the same work and little padding.
    order = np.argsort(lengths, kind="stable")                                           # (N,)
    mine = order[rank()::world_size()]                                                   # (n,)
    with undisturbed(trainer, module), Progress(disable=not title or rank() > 0, transient=True) as progress:
        chunk = CHUNK if title else max(len(mine), 1)
        chunks = [mine[start:start + chunk] for start in range(0, len(mine), chunk)] or [mine]
        parts = [compute(places) for places in progress.track(chunks, description=title)]
    values = torch.from_numpy(np.concatenate(parts)).to(module.device)                   # (n, ...)
    return gather_examples(torch.from_numpy(mine).to(module.device), values, len(lengths))


def from_first_process(numbers: dict[str, float], device: torch.device) -> dict[str, float]:
    """The numbers as process 0 has them, on every process: all must decide alike which checkpoint is best."""
    values = torch.tensor(list(numbers.values()), dtype=torch.float64, device=device)    # (M,)
    return dict(zip(numbers, gather(values[None])[0].tolist(), strict=True))
