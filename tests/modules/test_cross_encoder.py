"""Training a cross-encoder: it learns, reloads, resumes, on two processes as on one, in half precision, in micro-batches."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import DDPStrategy
from short_fit import Record, StopAt, pairs_file, trainer_in, weights
from toys import lively, run_in_processes, toy_pairs

from lit_embed.data import Pairs
from lit_embed.errors import UserError
from lit_embed.losses import BinaryRelevance, ListwiseSoftmax, PairClassification
from lit_embed.models import TextPairScorer
from lit_embed.modules import CrossEncoder

# The loss, how many labels, and what the data has.
TASKS = {"relevance": (None, 1, {"negatives": "wrong"}),
         "scores": (BinaryRelevance, 1, {"label": "score", "score_range": (0, 1)}),
         "classes": (None, 3, {"label": "kind", "classes": 3}),
         "listwise": (ListwiseSoftmax, 1, {"negatives": "wrong", "random_negatives": 1})}


def data_for(task: str, path: str, **settings) -> Pairs:
    return Pairs(path=path, validation=0.2, **{"batch_size": 4, **TASKS[task][2], **settings})


def module_for(task: str, backbone: str, learning_rate: float = 2e-3) -> CrossEncoder:
    torch.manual_seed(0)
    loss, labels, _ = TASKS[task]
    return CrossEncoder(lively(TextPairScorer(backbone, labels, max_length=48)), loss and loss(), learning_rate=learning_rate)


@pytest.mark.parametrize("task", TASKS)
def test_a_short_fit_learns_and_a_reload_gives_equal_scores(task, toy_backbone, tmp_path):
    module, record = module_for(task, toy_backbone), Record()
    trainer = trainer_in(tmp_path, max_epochs=12, callbacks=[record])
    trainer.fit(module, data_for(task, pairs_file(tmp_path)))
    assert np.mean(record.losses[-8:]) < 0.9 * np.mean(record.losses[:8])
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    reloaded = CrossEncoder.load_from_checkpoint(tmp_path / "end.ckpt", weights_only=True)
    np.testing.assert_array_equal(reloaded.encoder.score(toy_pairs(6)), module.encoder.score(toy_pairs(6)))
    assert reloaded.hparams == module.hparams and type(reloaded.loss) is type(module.loss)


def test_the_loss_follows_from_the_number_of_labels(toy_backbone):
    assert isinstance(module_for("relevance", toy_backbone).loss, BinaryRelevance)
    assert isinstance(module_for("classes", toy_backbone).loss, PairClassification)


def test_dropout_is_on_in_every_step_and_the_rate_rises_and_falls(toy_backbone, tmp_path):
    module, record = module_for("relevance", toy_backbone), Record()
    module.eval()
    trainer_in(tmp_path, max_epochs=2, callbacks=[record], val_check_interval=2).fit(module, data_for("relevance", pairs_file(tmp_path)))
    assert record.modes == [{True}] * 16
    assert record.rates[0] > record.rates[-1] == 0


@pytest.mark.parametrize("stop", [3, 8, 11])                            # in an epoch, at its end, in the next
def test_a_resumed_run_ends_with_bit_identical_weights(stop, toy_backbone, tmp_path):
    path, data = pairs_file(tmp_path), {"random_negatives": 2, "no_duplicates": True}
    pl.seed_everything(1, verbose=False)
    whole, record = module_for("relevance", toy_backbone), Record()
    trainer_in(tmp_path / "whole", max_epochs=2, callbacks=[record]).fit(whole, data_for("relevance", path, **data))

    pl.seed_everything(1, verbose=False)
    def save() -> ModelCheckpoint:
        return ModelCheckpoint(tmp_path / "saved", filename="stop", every_n_train_steps=stop, save_top_k=-1, save_on_exception=False)

    cut = trainer_in(tmp_path / "cut", max_epochs=2, callbacks=[save(), StopAt(stop)], enable_checkpointing=True)
    cut.fit(module_for("relevance", toy_backbone), data_for("relevance", path, **data))

    resumed, again = module_for("relevance", toy_backbone), Record()
    torch.manual_seed(12345)                       # another process: its random numbers stand elsewhere
    trainer_in(tmp_path / "resumed", max_epochs=2, callbacks=[again, save()], enable_checkpointing=True).fit(
        resumed, data_for("relevance", path, **data), ckpt_path=tmp_path / "saved/stop.ckpt")
    assert again.ids == record.ids[stop:] and again.losses == record.losses[stop:]
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name


def test_micro_batches_train_the_same_weights(toy_backbone, tmp_path):
    path, results = pairs_file(tmp_path), []
    for max_tokens in (60, 16_384):
        module = without_dropout("listwise", toy_backbone)
        module.encoder.max_tokens = max_tokens
        trainer_in(tmp_path, max_epochs=1).fit(module, data_for("listwise", path))
        results.append(weights(module))
    torch.testing.assert_close(*results, rtol=1e-6, atol=1e-9)


def without_dropout(task: str, backbone: str) -> CrossEncoder:
    """In float64 and without dropout, whose random numbers fall differently on each process."""
    module = module_for(task, backbone).double()
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    for layer in module.encoder.backbone.bert.encoder.layer:
        layer.attention.self.dropout.p = 0.0
    return module


def part_of_a_run(rank, world, task, backbone, path, folder, expected):
    module, strategy = without_dropout(task, backbone), DDPStrategy(process_group_backend="gloo")
    pl.Trainer(default_root_dir=folder, accelerator="cpu", devices=world, strategy=strategy, max_epochs=1, logger=False,
               enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, enable_checkpointing=False,
               gradient_clip_val=1.0).fit(module, data_for(task, path, batch_size=8 // world))
    for name, value in expected.items():
        torch.testing.assert_close(module.state_dict()[name], value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("task", TASKS)
def test_a_run_on_two_processes_ends_with_the_weights_of_one(task, toy_backbone, tmp_path):
    path, module = pairs_file(tmp_path), without_dropout(task, toy_backbone)
    trainer_in(tmp_path, max_epochs=1, gradient_clip_val=1.0).fit(module, data_for(task, path, batch_size=8))
    run_in_processes(2, part_of_a_run, 2, task, toy_backbone, path, tmp_path, weights(module))


@pytest.mark.parametrize("task", ["relevance", "classes"])
def test_bf16_mixed_trains_with_a_loss_and_weights_in_float32(task, toy_backbone, tmp_path):
    module, record, kinds = module_for(task, toy_backbone), Record(), set()
    module.loss.register_forward_hook(lambda _, inputs, loss: kinds.add((inputs[0].dtype, loss.dtype)))
    trainer_in(tmp_path, max_epochs=12, precision="bf16-mixed", callbacks=[record]).fit(module, data_for(task, pairs_file(tmp_path)))
    assert np.mean(record.losses[-8:]) < 0.9 * np.mean(record.losses[:8])
    assert kinds == {(torch.float32, torch.float32)} == {(p.dtype,) * 2 for p in module.parameters()}


@pytest.mark.parametrize("task", ["relevance", "classes"])
def test_predict_gives_the_score_of_each_pair(task, toy_backbone, tmp_path):
    module, data = module_for(task, toy_backbone), data_for(task, pairs_file(tmp_path))
    scores = torch.cat(trainer_in(tmp_path).predict(module, data)).numpy()
    rows = data.rows("validation")
    expected = module.encoder.score(list(zip(rows.queries, rows.documents[0], strict=True)))
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    assert scores.shape == ((8,) if task == "relevance" else (8, 3))


@pytest.mark.parametrize("task, change, says", [("relevance", {"negatives": None}, "every training pair is a true one"),
                                                ("classes", {"label": None, "classes": None}, "pairs with classes"),
                                                ("listwise", {"negatives": None, "random_negatives": 0}, "nothing to choose from")])
def test_data_that_cannot_train_the_loss_is_refused_before_the_first_step(task, change, says, toy_backbone, tmp_path):
    with pytest.raises(UserError, match=says):
        trainer_in(tmp_path, max_epochs=1).fit(module_for(task, toy_backbone), data_for(task, pairs_file(tmp_path), **change))
