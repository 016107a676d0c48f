"""Runs with parameters sharded over two processes end as the same runs on one: weights, figures, files, log, resumed or not."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import ModelParallelStrategy
from short_fit import StopAt, pairs_file
from toys import run_in_processes, toy_texts

from lit_embed.callbacks import HitRate, ModelFolder, Numerics, Replay, Report, SearchIndex, Spearman
from lit_embed.callbacks.replay import read_replay
from lit_embed.data import Pairs
from lit_embed.errors import UserError
from lit_embed.files import AtomicCheckpointIO
from lit_embed.losses import InfoNCE, SoftmaxClassification
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.modules import BiEncoder, CrossEncoder
from lit_embed.modules.sharding import layers, shard_if_asked
from lit_embed.search import Index

BUDGETS = [24, 60]          # tokens of a pass on the first process and on the second: another number of passes on each


def module_for(kind: str, backbone: str, max_tokens: int | None = None) -> pl.LightningModule:
    """Without dropout, whose random numbers fall differently on each process; in float64 unless callbacks watch.

    The temperature begins below the least that InfoNCE allows, so that it is held back.
    """
    torch.manual_seed(0)
    if kind == "cross":
        module = CrossEncoder(TextPairScorer(backbone, max_length=48, max_tokens=max_tokens), learning_rate=1e-3)
    else:
        loss = SoftmaxClassification(classes=3) if kind == "softmax" else InfoNCE(0.009, learnable=True)
        encoder = TextEncoder(backbone, max_length=32, max_tokens=max_tokens)
        module = BiEncoder(encoder, loss, learning_rate=1e-3, warmup=0)
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return module if kind == "watched" else module.double()


def fit(kind: str, folder: Path, backbone: str, callbacks=(), processes: int = 1, max_tokens: int | None = None,
        ckpt_path: Path | None = None, **changes) -> dict[str, torch.Tensor]:
    module = module_for(kind, backbone, max_tokens)
    labels = {"label": "kind", "classes": 3} if kind == "softmax" else {"random_negatives": 1}
    data = Pairs(path=str(folder.parent / "pairs.csv"), batch_size=8 // processes, validation=0.2, **labels)
    strategy = ModelParallelStrategy(save_distributed_checkpoint=False) if processes > 1 else "auto"
    trainer = pl.Trainer(default_root_dir=folder, accelerator="cpu", devices=processes, strategy=strategy, logger=False,
                         enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, max_epochs=1, val_check_interval=2,
                         use_distributed_sampler=False, callbacks=list(callbacks), gradient_clip_val=1.0,
                         plugins=[AtomicCheckpointIO()], enable_checkpointing=any(isinstance(c, ModelCheckpoint)
                                                                                  for c in callbacks), **changes)
    trainer.fit(module, data, ckpt_path=ckpt_path)
    found = {name: value.full_tensor() if hasattr(value, "full_tensor") else value
             for name, value in module.state_dict().items()}
    assert processes == 1 or all(hasattr(p, "full_tensor") for p in module.parameters())
    return found


def everything(folder: Path) -> list[pl.Callback]:
    """All that reads weights or gradients in a run; the weights it hands out are those of the middle."""
    return [HitRate(), Spearman(), Replay(), Numerics(), ModelFolder(), SearchIndex(), Report(),
            ModelCheckpoint(folder, filename="best", monitor="step", mode="min", save_on_exception=False)]


def steps(folder: Path) -> ModelCheckpoint:
    return ModelCheckpoint(folder, filename="{step}", every_n_train_steps=2, save_top_k=-1, save_on_exception=False)


def sharded_runs(rank: int, backbone: str, folder: Path) -> None:
    many = {"processes": 2, "max_tokens": BUDGETS[rank]}
    found = {"info_nce": fit("info_nce", folder / "info_nce", backbone, **many),
             "watched": fit("watched", folder / "watched", backbone, everything(folder / "watched"), **many),
             "softmax": fit("softmax", folder / "softmax", backbone, processes=2, accumulate_grad_batches=2),
             "cross": fit("cross", folder / "cross", backbone, [ModelFolder()], **many)}
    fit("info_nce", folder / "cut", backbone, [StopAt(2), steps(folder / "cut")], **many)
    found["resumed"] = fit("info_nce", folder / "cut", backbone, [steps(folder / "cut")],
                           ckpt_path=folder / "cut" / "step=2.ckpt", **many)
    if rank == 0:
        torch.save(found, folder / "weights.pt")


@pytest.fixture(scope="module")
def runs(toy_backbone, tmp_path_factory) -> SimpleNamespace:
    """Weights by kind of run, and their folder, of one process and of two that share the parameters."""
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    for folder in (one, two):
        pairs_file(folder)
    run_in_processes(2, sharded_runs, toy_backbone, two)
    fit("watched", one / "watched", toy_backbone, everything(one / "watched"))
    alone = {"info_nce": fit("info_nce", one / "info_nce", toy_backbone),
             "softmax": fit("softmax", one / "softmax", toy_backbone, accumulate_grad_batches=2),
             "cross": fit("cross", one / "cross", toy_backbone)}
    return SimpleNamespace(one=one, two=two, alone=alone, sharded=torch.load(two / "weights.pt"))


def close(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-7, msg=lambda said: f"{name}: {said}")


@pytest.mark.parametrize("kind", ["info_nce", "softmax", "cross"])
def test_sharded_weights_end_as_those_of_one_process_with_the_whole_batch(kind, runs, toy_backbone):
    close(runs.sharded[kind], runs.alone[kind])
    start = module_for(kind, toy_backbone).state_dict()
    assert all(not torch.equal(runs.alone[kind][name], start[name]) for name in start if name.startswith("loss."))


def test_a_resumed_run_ends_as_if_it_had_never_stopped(runs):
    close(runs.sharded["resumed"], runs.sharded["info_nce"])


def test_evaluations_report_the_same_figures(runs):
    one, two = (json.loads((folder / "watched/result.json").read_text()) for folder in (runs.one, runs.two))
    assert {**two, "train_seconds": 0} == {**one, "train_seconds": 0, "before": pytest.approx(one["before"], abs=1e-5),
                                           "after": pytest.approx(one["after"], abs=1e-3)}
    assert {"hit_rate@1", "spearman_cosine"} <= two["after"].keys() and two["steps"] == 2


def test_the_log_has_the_norm_of_the_whole_gradient(runs):
    one, two = (list(read_replay(folder / "watched").values()) for folder in (runs.one, runs.two))
    assert [(each.step, each.texts) for each in two] == [(each.step, each.texts) for each in one]
    for name in ("loss", "gradient_norm"):
        assert [getattr(each, name) for each in two] == pytest.approx([getattr(each, name) for each in one], rel=1e-3)


def test_the_model_folder_and_the_index_are_those_of_one_process(runs):
    one, two = (TextEncoder.from_folder(folder / "watched/model") for folder in (runs.one, runs.two))
    np.testing.assert_allclose(two.encode(toy_texts(6)), one.encode(toy_texts(6)), atol=1e-3)
    one, two = (Index.open(folder / "watched/index") for folder in (runs.one, runs.two))
    assert list(one.texts) == list(two.texts)
    scorer = TextPairScorer.from_folder(runs.two / "cross/model")
    weights = {f"encoder.{name}": value for name, value in scorer.state_dict().items()}
    close({name: value.float() for name, value in runs.sharded["cross"].items()}, {n: v.float() for n, v in weights.items()})


def test_a_checkpoint_of_sharded_parameters_is_read_by_one_process(runs, toy_backbone):
    checkpoint = runs.two / "cut/step=2.ckpt"
    module = BiEncoder.load_from_checkpoint(checkpoint, weights_only=True)
    assert not any(hasattr(p, "full_tensor") for p in module.parameters())
    close(fit("info_nce", runs.one / "cut", toy_backbone, [steps(checkpoint.parent)], ckpt_path=checkpoint), runs.alone["info_nce"])


def asked(module: pl.LightningModule, **settings) -> pl.LightningModule:
    module._trainer = SimpleNamespace(strategy=ModelParallelStrategy(**settings))
    return module


def test_what_cannot_be_sharded_is_refused(toy_backbone):
    module = module_for("info_nce", toy_backbone)
    shard_if_asked(module)                                        # no trainer yet: nothing happens
    with pytest.raises(UserError, match="save_distributed_checkpoint: false"):
        shard_if_asked(asked(module))
    module.loss.scale = torch.nn.Parameter(torch.tensor(1.0))
    with pytest.raises(UserError, match="loss.scale has no dimension to shard"):
        shard_if_asked(asked(module, save_distributed_checkpoint=False))


@pytest.mark.parametrize("architecture, count", [("bert", 3), ("modernbert", 3), ("llama", 2), ("mpnet", 2), ("distilbert", 2)])
def test_layers_are_what_the_architecture_keeps_in_one_piece(architecture, count, backbone_folder):
    assert len(layers(TextEncoder(backbone_folder(architecture), max_length=32))) == count
