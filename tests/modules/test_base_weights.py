"""Runs with adapters: only they move, checkpoints hold them alone, and a resumed, shared or reloaded run is the whole one."""

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import DDPStrategy, ModelParallelStrategy
from short_fit import Record, pairs_file, trainer_in, weights
from test_resume import EPOCH, SaveEvery, assert_the_rest
from toys import run_in_processes, toy_texts

from lit_embed.callbacks import ModelFolder
from lit_embed.data import Pairs
from lit_embed.errors import UserError
from lit_embed.losses import InfoNCE
from lit_embed.models import Lora, TextEncoder
from lit_embed.modules import BiEncoder
from lit_embed.modules.base_weights import leave_out_base

LORA = Lora(r=4, alpha=8, dropout=0.2, target_modules=["q_proj", "up_proj"])


def module_of(backbone: str, lora: Lora | None = LORA, **settings) -> BiEncoder:
    torch.manual_seed(0)
    encoder = TextEncoder(backbone, "last", 32, lora=lora, **settings)
    return BiEncoder(encoder, InfoNCE(0.1, learnable=True), learning_rate=1e-2, warmup=0)


def fit(folder: Path, module: BiEncoder, *callbacks: pl.Callback, after: Path | None = None, batch_size: int = 8, seed: int = 1,
        **settings) -> tuple[list, list, dict[str, torch.Tensor]]:
    """Two epochs, or what is left of them.  -> the texts and the loss of each batch, the last weights"""
    pl.seed_everything(seed, verbose=False)
    record, pairs = Record(), Pairs(path=str(folder / "pairs.csv"), validation=0.2, seed=7, batch_size=batch_size)
    trainer_in(folder, max_epochs=2, callbacks=[record, *callbacks], **settings).fit(module, pairs, ckpt_path=after)
    return record.ids, record.losses, weights(module)


def test_only_adapters_and_the_loss_move_and_checkpoints_hold_nothing_else(backbone_folder, tmp_path):
    pairs_file(tmp_path)
    module = module_of(backbone_folder("smollm"))
    before = weights(module)
    *_, after = fit(tmp_path, module, SaveEvery(tmp_path))
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    assert moved == {name for name in after if ".lora_" in name or name.startswith("loss.")}
    content = torch.load(tmp_path / "8.ckpt", weights_only=True)
    assert content["state_dict"].keys() == moved
    assert sum(len(group["params"]) for group in content["optimizer_states"][0]["param_groups"]) == len(moved)
    again = BiEncoder.load_from_checkpoint(tmp_path / "8.ckpt")
    texts = toy_texts(5)
    np.testing.assert_array_equal(again.encoder.encode(texts), module.encoder.encode(texts))
    assert again.encoder.lora == LORA


def test_a_resumed_run_is_the_whole_run_to_the_bit(backbone_folder, tmp_path):
    pairs_file(tmp_path)
    folder = backbone_folder("smollm")
    whole = fit(tmp_path, module_of(folder, max_tokens=40), SaveEvery(tmp_path))
    for seen in (1, EPOCH, EPOCH + 2):
        resumed = fit(tmp_path, module_of(folder, max_tokens=40), after=tmp_path / f"{seen}.ckpt", seed=12345)
        assert_the_rest(resumed, whole, seen)


def test_adapters_are_not_put_beside_other_weights(backbone_folder, tmp_path):
    pairs_file(tmp_path)
    fit(tmp_path, module_of(backbone_folder("smollm")), SaveEvery(tmp_path))
    for other in (module_of(backbone_folder("qwen3")), module_of(backbone_folder("smollm"), lora=None)):
        with pytest.raises(UserError, match="trained beside other weights than those of this backbone"):
            fit(tmp_path, other, after=tmp_path / "4.ckpt")


def test_without_adapters_a_checkpoint_is_whole(toy_backbone):
    module = BiEncoder(TextEncoder(toy_backbone), InfoNCE())
    checkpoint = {"state_dict": module.state_dict()}
    leave_out_base(module, checkpoint)
    assert checkpoint["state_dict"].keys() == module.state_dict().keys() and len(checkpoint) == 1


def test_the_model_folder_has_the_best_adapters_and_trains_on(backbone_folder, tmp_path):
    pairs_file(tmp_path)
    module = module_of(backbone_folder("smollm"))
    best = ModelCheckpoint(tmp_path, monitor="val_loss", mode="min")                          # not the last
    fit(tmp_path, module, best, ModelFolder(), enable_checkpointing=True)
    assert torch.load(best.best_model_path, weights_only=True)["global_step"] == EPOCH
    texts, encoder = toy_texts(5), TextEncoder.from_folder(tmp_path / "model")
    same = BiEncoder.load_from_checkpoint(best.best_model_path).encoder
    np.testing.assert_array_equal(encoder.encode(texts), same.encode(texts))
    assert np.abs(encoder.encode(texts) - module.encoder.encode(texts)).max() > 1e-4          # the module has its last again
    later = BiEncoder(encoder, InfoNCE(0.1), learning_rate=1e-2)
    *_, after = fit(tmp_path, later, SaveEvery(tmp_path))
    again = BiEncoder.load_from_checkpoint(tmp_path / "8.ckpt")
    assert all(torch.equal(value, after[name]) for name, value in again.state_dict().items())


def in_double(folder: str, max_tokens: int | None = None) -> BiEncoder:
    """Without dropout, whose random numbers fall differently on each process."""
    return module_of(folder, Lora(4, 8, 0.0, ["q_proj", "up_proj"]), max_tokens=max_tokens).double()


def two(rank: int, backbone: str, folder: Path, expected: dict[str, torch.Tensor]) -> None:
    for strategy, max_tokens in ((DDPStrategy(process_group_backend="gloo"), [24, 60][rank]),
                                 (ModelParallelStrategy(save_distributed_checkpoint=False), None)):
        module = in_double(backbone, max_tokens)
        *_, found = fit(folder, module, batch_size=4, devices=2, strategy=strategy, use_distributed_sampler=False)
        for name, value in expected.items():
            mine = found[name].full_tensor() if hasattr(found[name], "full_tensor") else found[name]
            torch.testing.assert_close(mine, value, rtol=1e-4, atol=1e-6)


def test_two_processes_shared_or_sharded_are_one(backbone_folder, tmp_path):
    pairs_file(tmp_path)
    *_, expected = fit(tmp_path, in_double(backbone_folder("smollm")))
    run_in_processes(2, two, backbone_folder("smollm"), tmp_path, expected)
