"""A run that stopped after any batch and went on is the run that never stopped, to the bit: order, losses and weights."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from short_fit import Record, pairs_file, trainer_in, weights

from lit_embed.data import Pairs
from lit_embed.losses import InfoNCE
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.modules import BiEncoder, CrossEncoder

EPOCH = 4                   # batches: 32 rows are trained on, 8 at a time


class SaveEvery(pl.Callback):
    """A checkpoint after each batch, or after each validation, named by the batches seen."""

    def __init__(self, folder: Path, validation: bool = False):
        self.folder, self.validation = folder, validation

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        if not self.validation:
            self._save(trainer)

    def on_validation_end(self, trainer, module):
        if self.validation:
            self._save(trainer)

    def _save(self, trainer):
        trainer.save_checkpoint(self.folder / f"{trainer.fit_loop.total_batch_idx + 1}.ckpt")


def module_for(kind: str, backbone: str) -> pl.LightningModule:
    if kind == "cross":
        return CrossEncoder(TextPairScorer(backbone, max_length=48), learning_rate=1e-3)
    return BiEncoder(TextEncoder(backbone, max_length=32), InfoNCE(0.1), learning_rate=1e-3)


def fit(folder: Path, backbone: str, path: str, *callbacks: pl.Callback, kind: str = "bi", after: Path | None = None,
        data: dict | None = None, **settings) -> tuple[list, list, dict[str, torch.Tensor]]:
    """Two epochs, or what is left of them after a checkpoint.  -> the texts and the loss of each batch, the last weights"""
    pl.seed_everything(12345 if after else 1, verbose=False)      # another process: its random numbers stand elsewhere
    module, record = module_for(kind, backbone), Record()
    pairs = Pairs(path=path, validation=0.2, seed=7, **{"batch_size": 8, "random_negatives": 1, **(data or {})})
    trainer = trainer_in(folder, max_epochs=2, callbacks=[record, *callbacks], **settings)
    trainer.fit(module, pairs, ckpt_path=after)
    return record.ids, record.losses, weights(module)


def assert_the_rest(resumed: tuple, whole: tuple, seen: int) -> None:
    assert resumed[0] == whole[0][seen:], f"other rows after batch {seen}"
    assert resumed[1] == whole[1][seen:], f"other losses after batch {seen}"
    for name, value in whole[2].items():
        assert torch.equal(value, resumed[2][name]), f"{name}, after batch {seen}"


@pytest.mark.parametrize("data", [{"random_negatives": 2}, {"no_duplicates": True}], ids=["shuffled", "no_duplicates"])
def test_after_every_batch_of_two_epochs(data, toy_backbone, tmp_path):
    path = pairs_file(tmp_path)
    whole = fit(tmp_path, toy_backbone, path, SaveEvery(tmp_path), data=data)
    for seen in range(1, 2 * EPOCH):
        assert_the_rest(fit(tmp_path, toy_backbone, path, after=tmp_path / f"{seen}.ckpt", data=data), whole, seen)


@pytest.mark.parametrize("before, after", [(0, 2), (2, 0), (1, 2)])
def test_with_another_number_of_workers(before, after, toy_backbone, tmp_path):
    path, data = pairs_file(tmp_path), {"no_duplicates": True}
    whole = fit(tmp_path, toy_backbone, path, SaveEvery(tmp_path), data={**data, "num_workers": before})
    for seen in (EPOCH - 1, EPOCH):
        resumed = fit(tmp_path, toy_backbone, path, after=tmp_path / f"{seen}.ckpt",
                      data={**data, "num_workers": after})
        assert_the_rest(resumed, whole, seen)


def test_after_every_validation_in_the_middle_of_an_epoch_and_at_its_end(toy_backbone, tmp_path):
    path, settings = pairs_file(tmp_path), {"val_check_interval": 2}
    whole = fit(tmp_path, toy_backbone, path, SaveEvery(tmp_path, validation=True), **settings)
    for seen in (2, 4, 6):
        assert_the_rest(fit(tmp_path, toy_backbone, path, after=tmp_path / f"{seen}.ckpt", **settings), whole, seen)


@pytest.mark.parametrize("precision", ["bf16-true", "bf16-mixed", "64-true"])
def test_in_every_precision(precision, toy_backbone, tmp_path):
    path, settings = pairs_file(tmp_path), {"precision": precision}
    whole = fit(tmp_path, toy_backbone, path, SaveEvery(tmp_path), **settings)
    assert_the_rest(fit(tmp_path, toy_backbone, path, after=tmp_path / "3.ckpt", **settings), whole, 3)


@pytest.mark.parametrize("kind", ["bi", "cross"])
def test_after_every_batch_while_gradients_are_added_up(kind, toy_backbone, tmp_path):
    """Three batches a step, and only one in the last step of an epoch."""
    path, settings = pairs_file(tmp_path), {"accumulate_grad_batches": 3, "kind": kind}
    whole = fit(tmp_path, toy_backbone, path, SaveEvery(tmp_path), **settings)
    for seen in range(1, 2 * EPOCH):
        assert_the_rest(fit(tmp_path, toy_backbone, path, after=tmp_path / f"{seen}.ckpt", **settings), whole, seen)
