"""Weights in bf16 (precision bf16-true): every loss trains, itself in float32; what a run leaves is read as float32."""

import json
from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from safetensors.torch import load_file
from short_fit import Record, pairs_file, trainer_in, weights
from tiny_run import config, cross_encoder_config, write_config, write_pairs
from toys import lively, toy_pairs, toy_texts

from lit_embed import cli
from lit_embed.data import Pairs
from lit_embed.losses import (BinaryRelevance, CosineRegression, InfoNCE, ListwiseSoftmax, PairClassification,
                              SoftmaxClassification, SymmetricInfoNCE)
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.modules import BiEncoder, CrossEncoder
from lit_embed.run import precision

SCORES, CLASSES = {"label": "score", "score_range": (0, 1)}, {"label": "kind", "classes": 3}
EMBEDDING = {"info_nce": (lambda: InfoNCE(0.1), {}), "chunked": (lambda: InfoNCE(0.1, chunk=2), {}),
             "learnable": (lambda: InfoNCE(0.1, learnable=True), {}), "symmetric": (SymmetricInfoNCE, {}),
             "cosine": (CosineRegression, SCORES), "softmax": (SoftmaxClassification, CLASSES)}
SCORING = {"relevance": (BinaryRelevance, {"negatives": "wrong"}), "classes": (PairClassification, CLASSES),
           "listwise": (ListwiseSoftmax, {"negatives": "wrong"})}


def module_for(loss: str, backbone: str, learning_rate: float = 4e-3) -> pl.LightningModule:
    torch.manual_seed(0)
    if loss in EMBEDDING:
        return BiEncoder(TextEncoder(backbone, max_length=32), EMBEDDING[loss][0](), learning_rate)
    scorer = lively(TextPairScorer(backbone, 3 if loss == "classes" else 1, max_length=48))
    return CrossEncoder(scorer, SCORING[loss][0](), learning_rate)


def data_for(loss: str, path: str) -> Pairs:
    return Pairs(path=path, validation=0.2, batch_size=4, **(EMBEDDING | SCORING)[loss][1])


@pytest.mark.parametrize("loss", EMBEDDING | SCORING)
def test_every_loss_learns_and_is_computed_in_float32(loss, toy_backbone, tmp_path, monkeypatch):
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)           # another test's order of batches
    module, record, kinds = module_for(loss, toy_backbone), Record(), set()
    module.loss.register_forward_hook(lambda _, inputs, out: kinds.update(
        {x.dtype for x in (*inputs, inputs[-1].labels, out) if isinstance(x, torch.Tensor) and x.is_floating_point()}))
    trainer = trainer_in(tmp_path, max_epochs=4, precision="bf16-true", callbacks=[record])
    trainer.fit(module, data_for(loss, pairs_file(tmp_path)))
    assert np.mean(record.losses[-8:]) < 0.95 * np.mean(record.losses[:8])
    assert kinds == {torch.float32}
    assert {p.dtype for p in module.parameters()} == {torch.bfloat16}
    averages = trainer.optimizers[0].state[next(module.encoder.parameters())]
    assert averages["exp_avg"].dtype == torch.bfloat16 and trainer.optimizers[0].param_groups[0]["fused"]


def run(folder: Path, content: dict, monkeypatch, *callbacks: str) -> Path:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(precision, "cpu_has_bf16", lambda: True)
    content["trainer"]["precision"] = "bf16-true"
    content["trainer"]["callbacks"] += [{"class_path": f"lit_embed.callbacks.{name}"}
                                        for name in ("Numerics", "Replay", *callbacks)]
    assert cli.main(["fit", "--config", str(write_config(folder / "tiny.yaml", content))]) == 0
    return folder / "checkpoints/tiny"


def assert_the_folder_is_float32(folder: Path, module: pl.LightningModule) -> None:
    """Its values are those of the checkpoint, which bf16 can hold."""
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"
    found, own = load_file(folder / "model.safetensors"), module.encoder.backbone.state_dict()
    assert {value.dtype for value in found.values()} == {torch.float32}
    for name, value in found.items():
        assert torch.equal(value, own[name]) and torch.equal(value, value.bfloat16().float()), name


def test_a_run_leaves_a_folder_whose_every_reader_gets_the_same_embeddings(toy_backbone, tmp_path, monkeypatch):
    from sentence_transformers import SentenceTransformer

    content = config(toy_backbone, write_pairs(tmp_path / "pairs.csv"))
    left = run(tmp_path, content, monkeypatch, "Spearman", "SearchIndex", "MineNegatives")
    kept = BiEncoder.load_from_checkpoint(left / "checkpoints/last.ckpt", weights_only=True)
    assert_the_folder_is_float32(left / "model", kept)
    texts = toy_texts(6)
    ours = TextEncoder.from_folder(left / "model").encode(texts)
    np.testing.assert_array_equal(ours, kept.encoder.encode(texts))
    theirs = SentenceTransformer(str(left / "model"), device="cpu").encode(texts)
    assert theirs.dtype == np.float32
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    after = json.loads((left / "result.json").read_text())["after"]
    assert "mrr@10" in after and all(np.isfinite(value) for value in after.values() if value is not None)


def test_a_cross_encoders_run_leaves_its_folder_and_figures(toy_backbone, tmp_path, monkeypatch):
    left = run(tmp_path, cross_encoder_config(toy_backbone, write_pairs(tmp_path / "pairs.csv")), monkeypatch)
    kept = CrossEncoder.load_from_checkpoint(left / "checkpoints/last.ckpt", weights_only=True)
    assert_the_folder_is_float32(left / "model", kept)
    scorer = TextPairScorer.from_folder(left / "model")
    np.testing.assert_array_equal(scorer.score(toy_pairs(6)), kept.encoder.score(toy_pairs(6)))
    assert {"pair_spearman", "rerank_mrr@10"} <= set(json.loads((left / "result.json").read_text())["after"])


def moved(precision: str, backbone: str, folder: Path, path: str) -> torch.Tensor:
    """Which of the matrices' weights that are above a hundredth are others after 16 steps at the usual learning rate."""
    module = module_for("info_nce", backbone, learning_rate=2e-5)
    before = {name: value.bfloat16().float() for name, value in weights(module).items()
              if value.ndim == 2 and "embeddings" not in name}
    module.load_state_dict(before, strict=False)
    trainer_in(folder, max_epochs=2, precision=precision).fit(module, data_for("info_nce", path))
    after = weights(module)
    # 2e-5 is half the distance to the next number of bf16 at 0.0102.
    return torch.cat([(after[name].float() != value)[value.abs() > 0.0103] for name, value in before.items()])


def test_at_a_learning_rate_of_2e_5_no_weight_above_a_hundredth_moves(toy_backbone, tmp_path):
    path = pairs_file(tmp_path)
    assert not moved("bf16-true", toy_backbone, tmp_path, path).any()
    assert moved("bf16-mixed", toy_backbone, tmp_path, path).float().mean() > 0.99
