"""A run leaves a model that anyone can use: a plain folder that sentence-transformers reads, beside the checkpoints."""

from pathlib import Path

import pytorch_lightning as pl

from lit_embed.callbacks.best_weights import best_weights
from lit_embed.distributed import barrier


class ModelFolder(pl.Callback):
    """Writes <run>/model when training ends: the best weights if a ModelCheckpoint monitors a figure, else the last."""

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.fast_dev_run:
            return
        with best_weights(trainer, module):        # on every process: sharded weights are gathered
            if trainer.is_global_zero:
                module.encoder.save_folder(Path(trainer.default_root_dir) / "model")
        barrier()                                  # nobody leaves, and takes the process group down, while one writes
