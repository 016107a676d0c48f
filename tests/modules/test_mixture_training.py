"""Training on a mixture: two processes are one, a resumed run is the one that never stopped, each set has its figures."""

import csv
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import CSVLogger
from pytorch_lightning.strategies import DDPStrategy
from short_fit import Record, pairs_file, trainer_in, weights
from test_resume import SaveEvery, assert_the_rest
from toys import run_in_processes

from lit_embed.callbacks import HitRate, Spearman
from lit_embed.data import ByWeights, Mixture, Pairs, PairStream
from lit_embed.losses import CosineRegression, InfoNCE, LossBySet, SoftmaxClassification
from lit_embed.models import TextEncoder
from lit_embed.modules import BiEncoder

BATCHES = 16                # of an epoch, 32 training rows in each of four sets, 8 to a batch


@pytest.fixture(autouse=True)
def _leave_no_seed(monkeypatch) -> None:
    monkeypatch.setenv("PL_GLOBAL_SEED", "1")          # seed_everything writes it, and later tests would find it


def mixture(path: str, batch_size: int = 8, **settings) -> Mixture:
    def rows(**own) -> Pairs:
        return Pairs(path=path, validation=0.2, batch_size=batch_size, **own)

    sets = {"sts": rows(label="score", score_range=(0, 1)), "nli": rows(random_negatives=2, no_duplicates=True),
            "kinds": rows(label="kind", classes=3, query_prefix="kind "),
            "stream": PairStream(path=path, batch_size=batch_size, buffer=16, held_out=8, negatives="wrong")}
    return Mixture(sets, ByWeights({"sts": 2, "nli": 3, "kinds": 1, "stream": 2}), seed=7, **settings)


def module(backbone: str) -> BiEncoder:
    torch.manual_seed(0)
    loss = LossBySet({"sts": CosineRegression(), "nli": InfoNCE(0.1, learnable=True), "kinds": SoftmaxClassification(3),
                      "stream": InfoNCE()}, {"nli": 0.5})
    return BiEncoder(TextEncoder(backbone, max_length=32), loss, learning_rate=1e-3)


class Gradients(pl.Callback):
    """Which set each step was of, and its loss and gradients."""

    def __init__(self):
        self.sources, self.losses, self.gradients = [], [], []

    def on_before_optimizer_step(self, trainer, module, optimizer):
        self.gradients.append({name: p.grad.clone() for name, p in module.named_parameters()})

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        self.sources.append(batch.source)
        self.losses.append(outputs["loss"].item())


def exact(backbone: str) -> BiEncoder:
    """In float64 and without dropout, whose random numbers fall differently on each process."""
    made = module(backbone).double()
    for part in made.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return made


def half_of_each_batch(rank, backbone, path, folder):
    seen, half, expected = Gradients(), exact(backbone), torch.load(folder / "whole.pt", weights_only=True)
    strategy = DDPStrategy(process_group_backend="gloo")
    trainer_in(folder, devices=2, strategy=strategy, max_epochs=1, callbacks=[seen]).fit(half, mixture(path, batch_size=4))
    losses = [None, None]
    torch.distributed.all_gather_object(losses, seen.losses)
    assert seen.sources == expected["sources"]
    assert torch.tensor(losses).mean(0).tolist() == pytest.approx(expected["losses"], rel=1e-5)
    for here, there in zip(seen.gradients, expected["gradients"], strict=True):
        for name, gradient in there.items():
            torch.testing.assert_close(here[name], gradient, rtol=1e-5, atol=1e-9)
    for name, value in expected["weights"].items():
        torch.testing.assert_close(half.state_dict()[name], value, rtol=1e-5, atol=1e-7)


def test_two_processes_have_the_losses_the_gradients_and_the_weights_of_one(toy_backbone, tmp_path):
    path, whole, seen = pairs_file(tmp_path), exact(toy_backbone), Gradients()
    trainer_in(tmp_path, max_epochs=1, callbacks=[seen]).fit(whole, mixture(path))
    assert set(seen.sources) == {"sts", "nli", "kinds", "stream"} and len(seen.sources) == BATCHES
    seen_by_one = {"sources": seen.sources, "losses": seen.losses, "gradients": seen.gradients, "weights": weights(whole)}
    torch.save(seen_by_one, tmp_path / "whole.pt")
    run_in_processes(2, half_of_each_batch, toy_backbone, path, tmp_path)


def fit(folder: Path, backbone: str, path: str, *callbacks, after: Path | None = None, num_workers: int = 0) -> tuple:
    """Two epochs, or what is left of them.  -> the texts and the loss of each batch, the last weights"""
    pl.seed_everything(12345 if after else 1, verbose=False)
    made, record = module(backbone), Record()
    trainer_in(folder, max_epochs=2, callbacks=[record, *callbacks]).fit(made, mixture(path, num_workers=num_workers),
                                                                        ckpt_path=after)
    return record.ids, record.losses, weights(made)


def test_a_run_that_goes_on_after_any_batch_is_the_run_that_never_stopped(toy_backbone, tmp_path):
    path = pairs_file(tmp_path)
    whole = fit(tmp_path, toy_backbone, path, SaveEvery(tmp_path))
    for seen, workers in ((5, 0), (BATCHES, 0), (BATCHES + 4, 2)):
        resumed = fit(tmp_path, toy_backbone, path, after=tmp_path / f"{seen}.ckpt", num_workers=workers)
        assert_the_rest(resumed, whole, seen)


def test_each_set_has_its_own_losses_and_evaluations(toy_backbone, tmp_path):
    path, logger = pairs_file(tmp_path), CSVLogger(tmp_path)
    callbacks = [Spearman(data="sts"), HitRate(data="nli", prefix="nli_")]
    trainer = trainer_in(tmp_path, max_epochs=1, callbacks=callbacks, logger=logger, log_every_n_steps=1)
    trainer.fit(module(toy_backbone), mixture(path))
    with open(Path(logger.log_dir) / "metrics.csv", newline="") as file:
        columns = set(next(csv.reader(file)))
    assert {f"{name}/{source}" for name in ("train_loss", "val_loss") for source in ("sts", "nli", "kinds", "stream")} <= columns
    assert {"spearman_cosine", "nli_hit_rate@1", "train_loss", "val_loss"} <= columns


def test_a_reload_has_the_same_losses(toy_backbone, tmp_path):
    path, made = pairs_file(tmp_path), module(toy_backbone)
    trainer = trainer_in(tmp_path, max_steps=3)
    trainer.fit(made, mixture(path))
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    reloaded = BiEncoder.load_from_checkpoint(tmp_path / "end.ckpt", weights_only=True)
    assert reloaded.hparams == made.hparams and reloaded.loss.weights == {"nli": 0.5}
    assert type(reloaded.loss.losses["kinds"]) is SoftmaxClassification
    for name, value in weights(made).items():
        assert torch.equal(value, reloaded.state_dict()[name])
