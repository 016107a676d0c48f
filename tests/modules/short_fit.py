"""A fit of a second to look into: forty labelled pairs in a csv file, a bare Trainer, what each step saw and gave."""

import csv
from pathlib import Path

import pytorch_lightning as pl
import torch
from toys import toy_texts

from lit_embed.files import AtomicCheckpointIO


def pairs_file(folder: Path, rows: int = 40) -> str:
    with open(folder / "pairs.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["query", "document", "score", "kind", "wrong"])
        for i, (query, document, wrong) in enumerate(zip(*(toy_texts(rows, seed) for seed in (1, 2, 3)), strict=True)):
            writer.writerow([query, document + " there", (i % 5) / 4, i % 3, wrong])
    return str(folder / "pairs.csv")


def trainer_in(folder: Path, **settings) -> pl.Trainer:
    quiet = {"devices": 1, "logger": False, "enable_progress_bar": False, "enable_model_summary": False,
             "num_sanity_val_steps": 0}
    return pl.Trainer(default_root_dir=folder, accelerator="cpu", plugins=[AtomicCheckpointIO()],
                      **{**quiet, "enable_checkpointing": False, **settings})


def weights(module: pl.LightningModule) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


class Record(pl.Callback):
    """What each training step saw and gave."""

    def __init__(self):
        self.losses, self.ids, self.modes, self.rates = [], [], [], []

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        self.losses.append(outputs["loss"].item())
        self.ids.append(batch.query_ids.tolist())
        self.modes.append({part.training for part in module.encoder.modules()})
        self.rates.append(trainer.optimizers[0].param_groups[0]["lr"])


class StopAt(pl.Callback):
    """Ends the run as somebody's interrupt would: the schedule still reaches to the last epoch."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        trainer.should_stop = trainer.global_step >= self.step
