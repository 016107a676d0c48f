"""Training images with their captions: it learns, reloads, goes on after any batch to the bit, and two processes are one."""

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy
from short_fit import Record, trainer_in, weights
from toys import TINY_VIT, run_in_processes, toy_photos, toy_texts

from lit_embed.callbacks import Numerics, Replay, Throughput
from lit_embed.data import ImageText
from lit_embed.losses import SigmoidPairs, SymmetricInfoNCE
from lit_embed.models import ImageTextEncoder, ImageTextTowers, ImageTower, TextEncoder
from lit_embed.modules import ImageTextBiEncoder

LOSSES = {"clip": lambda: SymmetricInfoNCE(0.1, learnable=True), "siglip": SigmoidPairs, "towers": lambda: SymmetricInfoNCE(0.1)}


@pytest.fixture
def photos(tmp_path) -> str:
    return toy_photos(tmp_path / "photos", 20, captions=2, size=(16, 16))


@pytest.fixture
def build(pair_folder, toy_backbone):
    folders = {"clip": pair_folder("clip"), "siglip": pair_folder("siglip"), "towers": toy_backbone}
    return lambda kind: module_for(kind, folders[kind])


def module_for(kind: str, folder: str) -> ImageTextBiEncoder:
    torch.manual_seed(0)
    if kind == "towers":
        image = ImageTower(architecture="vit", shape={**TINY_VIT, "hidden_dropout_prob": 0.1}, image_size=16)
        encoder = ImageTextTowers(image, TextEncoder(folder, max_length=32), width=12)
    else:
        encoder = ImageTextEncoder(folder)
    return ImageTextBiEncoder(encoder, LOSSES[kind](), learning_rate=1e-3)


def data_for(path: str, batch_size: int = 4, **settings) -> ImageText:
    return ImageText(path=path, **{"batch_size": batch_size, "validation": 0.2, "seed": 7, **settings})


@pytest.mark.parametrize("kind", LOSSES)
def test_a_short_fit_learns_in_both_towers_and_a_reload_gives_equal_embeddings(kind, build, photos, tmp_path):
    module, record, before = build(kind), Record(), weights(build(kind))
    trainer = trainer_in(tmp_path, max_epochs=8, callbacks=[record, Throughput(), Numerics()])
    trainer.fit(module, data_for(photos))
    assert np.mean(record.losses[-8:]) < 0.9 * np.mean(record.losses[:8]) and record.modes[0] == {True}
    still = {name for name, value in weights(module).items() if value.is_floating_point() and torch.equal(value, before[name])}
    assert {name.rsplit(".", 1)[-1] for name in still} <= {"logit_scale", "logit_bias"}
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    reloaded = ImageTextBiEncoder.load_from_checkpoint(tmp_path / "end.ckpt", weights_only=True)
    np.testing.assert_array_equal(reloaded.encoder.encode(toy_texts(3)), module.encoder.encode(toy_texts(3)))
    found = data_for(photos).images("validation").images
    np.testing.assert_array_equal(reloaded.encoder.encode_images(found), module.encoder.encode_images(found))
    assert reloaded.hparams == module.hparams
    cosines = torch.cat(trainer_in(tmp_path).predict(module, data_for(photos)))
    assert cosines.shape == (4,) and cosines.abs().max() <= 1.0001


@pytest.mark.parametrize("kind", ["clip", "towers"])
def test_bf16_mixed_trains_and_keeps_float32_weights(kind, build, photos, tmp_path):
    module, record = build(kind), Record()
    trainer_in(tmp_path, max_epochs=6, precision="bf16-mixed", callbacks=[record]).fit(module, data_for(photos))
    assert np.mean(record.losses[-8:]) < np.mean(record.losses[:8])
    assert {p.dtype for p in module.parameters()} == {torch.float32}


class SaveEvery(pl.Callback):
    def __init__(self, folder: Path):
        self.folder = folder

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_index):
        trainer.save_checkpoint(self.folder / f"{trainer.global_step}.ckpt")


def test_a_resumed_run_ends_with_bit_identical_weights(build, photos, tmp_path):
    def fit(*callbacks, **options):
        pl.seed_everything(1 + len(options), verbose=False)
        module, record = build("towers"), Record()
        torch.manual_seed(5 + len(options))                   # another process: its random numbers stand elsewhere
        trainer = trainer_in(tmp_path, max_epochs=2, callbacks=[record, Replay(), *callbacks])
        trainer.fit(module, data_for(photos, augmentation="crop_and_flip"), **options)
        return record, weights(module), (tmp_path / "replay.csv").read_text()

    whole, end, replay = fit(SaveEvery(tmp_path))
    for stop in (3, 4, 6):
        again, found, replayed = fit(ckpt_path=tmp_path / f"{stop}.ckpt")
        assert (again.ids, again.losses) == (whole.ids[stop:], whole.losses[stop:]) and replayed == replay
        assert all(torch.equal(value, found[name]) for name, value in end.items())


def without_dropout(kind: str, folder: str) -> ImageTextBiEncoder:
    """In float64 and without dropout, whose random numbers fall differently on each process."""
    module = module_for(kind, folder).double()
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return module


def part_of_a_run(rank, kind, folder, path, run, expected):
    module = without_dropout(kind, folder)
    trainer_in(run, max_epochs=1, devices=2, strategy=DDPStrategy(process_group_backend="gloo"), gradient_clip_val=1.0).fit(
        module, data_for(path, batch_size=4, captions="all"))
    for name, value in expected.items():
        torch.testing.assert_close(module.state_dict()[name], value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", ["siglip", "towers"])
def test_two_processes_end_with_the_weights_of_one(kind, pair_folder, toy_backbone, photos, tmp_path):
    folder = toy_backbone if kind == "towers" else pair_folder(kind)
    module = without_dropout(kind, folder)
    trainer_in(tmp_path, max_epochs=1, gradient_clip_val=1.0).fit(module, data_for(photos, batch_size=8, captions="all"))
    run_in_processes(2, part_of_a_run, kind, folder, photos, tmp_path, weights(module))
