"""A finished run leaves a model folder with the weights it should have."""

import pytorch_lightning as pl
import torch
from toy_run import ToyData, toy_module, toy_trainer

from lit_embed.callbacks import ModelFolder
from lit_embed.models import TextEncoder
from lit_embed.modules import BiEncoder


def test_the_folder_gives_the_embeddings_of_the_trained_module(toy_backbone, tmp_path):
    module = toy_module(toy_backbone)
    toy_trainer(tmp_path / "run", [ModelFolder()]).fit(module, ToyData(batch_size=4))
    found = TextEncoder.from_folder(tmp_path / "run" / "model").encode(["a cat", "the dog sat"])
    torch.testing.assert_close(found, module.encoder.encode(["a cat", "the dog sat"]))


def test_with_a_monitored_checkpoint_it_is_the_best_model(toy_backbone, tmp_path):
    module = toy_module(toy_backbone, learning_rate=0.5)
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="step")         # the fewer the better: the first one
    toy_trainer(tmp_path, [ModelFolder(), best], enable_checkpointing=True).fit(module, ToyData(batch_size=4))
    found = TextEncoder.from_folder(tmp_path / "model").encode(["a cat"])
    kept = BiEncoder.load_from_checkpoint(best.best_model_path).encoder.encode(["a cat"])
    torch.testing.assert_close(found, kept)
    assert torch.load(best.best_model_path)["global_step"] == 2
    assert abs(found - module.encoder.encode(["a cat"])).max() > 1e-3


def test_a_fast_dev_run_leaves_nothing(toy_backbone, tmp_path):
    toy_trainer(tmp_path, [ModelFolder()], fast_dev_run=True).fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert not (tmp_path / "model").exists()
