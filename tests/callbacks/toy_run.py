"""A tiny run to hang callbacks on: toy encoder, rows that are in the test, the real modules and the real Trainer."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
from toys import WORDS

from lit_embed.batches import PairRows
from lit_embed.data import PairData
from lit_embed.losses import InfoNCE
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.modules import BiEncoder, CrossEncoder

# What the toy run is on purpose: too small to log often, one process at loading, into a folder that exists.
QUIET = ["The number of training batches", ".*does not have many workers", "Checkpoint directory", ".*GPU available"]


@dataclass(eq=False)
class ToyData(PairData):
    train: int = 8
    """Training rows."""
    held_out: int = 7
    """Validation rows, and test rows."""
    scores: bool = False
    """Whether rows have a score."""
    classes: int = 0
    """Whether rows have a class, and out of how many."""

    def rows(self, split: str) -> PairRows:
        count = self.train if split == "train" else self.held_out
        rng = np.random.default_rng(["train", "validation", "test"].index(split))
        queries, documents = ([" ".join(rng.choice(WORDS, size=rng.integers(1, 12))) + f" {i}" for i in range(count)]
                              for _ in range(2))
        labels = np.linspace(0, 1, count, dtype=np.float32) if self.scores else None
        if self.classes:
            labels = np.arange(count) % self.classes
        return PairRows(queries, [documents], labels)


def toy_module(backbone: str, learning_rate: float = 1e-2) -> BiEncoder:
    return BiEncoder(TextEncoder(backbone, max_length=32), InfoNCE(), learning_rate=learning_rate, warmup=0)


def toy_cross_encoder(backbone: str, num_labels: int = 1, learning_rate: float = 1e-2) -> CrossEncoder:
    scorer = TextPairScorer(backbone, num_labels, max_length=48)
    return CrossEncoder(scorer, learning_rate=learning_rate, warmup=0)


def toy_trainer(folder: Path, callbacks: list[pl.Callback], **changes: object) -> pl.Trainer:
    for message in QUIET:
        warnings.filterwarnings("ignore", message)
    settings = {"accelerator": "cpu", "devices": 1, "logger": False, "max_epochs": 2, "enable_progress_bar": False,
                "enable_model_summary": False, "use_distributed_sampler": False, "enable_checkpointing": False,
                "num_sanity_val_steps": 0, "log_every_n_steps": 1}
    return pl.Trainer(default_root_dir=folder, callbacks=callbacks, **{**settings, **changes})
