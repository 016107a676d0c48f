"""Training itself: dropout on, frozen parts left alone, reload, resume, two processes, precision."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.strategies import DDPStrategy
from short_fit import Record, StopAt, pairs_file, trainer_in, weights
from toys import run_in_processes, toy_texts

from lit_embed.data import Pairs
from lit_embed.errors import UserError
from lit_embed.losses import (CoSENT, CosineRegression, InfoNCE, MarginMSE, Matryoshka, SoftmaxClassification,
                              SymmetricInfoNCE)
from lit_embed.models import TextEncoder
from lit_embed.modules import BiEncoder
from lit_embed.modules.bi_encoder import train_what_is_not_frozen

LOSSES = {"info_nce": lambda: InfoNCE(0.1), "learnable": lambda: InfoNCE(0.1, learnable=True), "symmetric": SymmetricInfoNCE,
          "cosine": CosineRegression, "softmax": lambda: SoftmaxClassification(classes=3), "cosent": CoSENT,
          "matryoshka": lambda: Matryoshka(SoftmaxClassification(classes=3), [32, 8])}


def data_for(loss: str, path: str, batch_size: int = 4, **settings) -> Pairs:
    score, kind = {"label": "score", "score_range": (0, 1)}, {"label": "kind", "classes": 3}
    labels = {"cosine": score, "cosent": score, "softmax": kind, "matryoshka": kind}.get(loss, {})
    return Pairs(path=path, batch_size=batch_size, validation=0.2, **labels, **settings)


def module_for(loss: str, backbone: str, **settings) -> BiEncoder:
    torch.manual_seed(0)
    return BiEncoder(TextEncoder(backbone, max_length=32), LOSSES[loss](), learning_rate=1e-3, **settings)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_short_fit_learns_and_a_reload_gives_equal_embeddings(loss, toy_backbone, tmp_path):
    module, record = module_for(loss, toy_backbone), Record()
    trainer = trainer_in(tmp_path, max_epochs=12, callbacks=[record])
    trainer.fit(module, data_for(loss, pairs_file(tmp_path)))
    assert np.mean(record.losses[-8:]) < 0.9 * np.mean(record.losses[:8])
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    reloaded = BiEncoder.load_from_checkpoint(tmp_path / "end.ckpt", weights_only=True)
    texts = toy_texts(6)
    np.testing.assert_array_equal(reloaded.encoder.encode(texts), module.encoder.encode(texts))
    assert reloaded.hparams == module.hparams and type(reloaded.loss) is type(module.loss)


def test_dropout_is_on_in_every_training_step_also_after_a_validation(toy_backbone, tmp_path):
    module, record = module_for("info_nce", toy_backbone), Record()
    module.eval()
    trainer_in(tmp_path, max_epochs=2, callbacks=[record], val_check_interval=2).fit(
        module, data_for("info_nce", pairs_file(tmp_path)))
    assert record.modes == [{True}] * 16


def test_rows_that_do_not_fit_the_loss_are_refused_before_the_first_step(toy_backbone, tmp_path):
    module = BiEncoder(TextEncoder(toy_backbone, max_length=32), MarginMSE())
    with pytest.raises(UserError, match="MarginMSE needs a teacher's score of each choice"):
        trainer_in(tmp_path, max_epochs=1).fit(module, data_for("cosine", pairs_file(tmp_path)))


def test_frozen_parts_stay_in_eval_mode(toy_backbone):
    module = module_for("info_nce", toy_backbone)
    backbone = module.encoder.backbone
    backbone.embeddings.requires_grad_(False)
    train_what_is_not_frozen(module)
    assert not backbone.embeddings.dropout.training and backbone.encoder.layer[0].output.dropout.training


def test_each_epoch_has_another_order_and_the_same_rows(toy_backbone, tmp_path):
    record = Record()
    trainer_in(tmp_path, max_epochs=2, callbacks=[record]).fit(
        module_for("info_nce", toy_backbone), data_for("info_nce", pairs_file(tmp_path)))
    first, second = record.ids[:8], record.ids[8:]
    assert first != second and sorted(sum(first, [])) == sorted(sum(second, []))


def test_the_rate_rises_over_the_warmup_and_ends_at_zero(toy_backbone, tmp_path):
    record = Record()
    trainer_in(tmp_path, max_epochs=1, callbacks=[record]).fit(
        module_for("info_nce", toy_backbone, warmup=0.25), data_for("info_nce", pairs_file(tmp_path)))
    np.testing.assert_allclose(record.rates, np.array([3, 6, 5, 4, 3, 2, 1, 0]) / 6 * 1e-3, atol=1e-9)


@pytest.mark.parametrize("stop, workers", [(3, 0), (8, 0), (11, 0), (11, 2)])   # in an epoch, at its end, in the next
def test_a_resumed_run_ends_with_bit_identical_weights(stop, workers, toy_backbone, tmp_path):
    path, data = pairs_file(tmp_path), {"random_negatives": 1, "no_duplicates": True, "num_workers": workers}
    pl.seed_everything(1, verbose=False)
    whole, record = module_for("info_nce", toy_backbone), Record()
    trainer_in(tmp_path / "whole", max_epochs=2, callbacks=[record]).fit(whole, data_for("info_nce", path, **data))

    pl.seed_everything(1, verbose=False)
    def save() -> ModelCheckpoint:
        return ModelCheckpoint(tmp_path / "saved", filename="stop", every_n_train_steps=stop, save_top_k=-1, save_on_exception=False)

    cut = trainer_in(tmp_path / "cut", max_epochs=2, callbacks=[save(), StopAt(stop)], enable_checkpointing=True)
    cut.fit(module_for("info_nce", toy_backbone), data_for("info_nce", path, **data))
    checkpoint = tmp_path / "saved/stop.ckpt"
    assert torch.load(checkpoint, weights_only=True)["global_step"] == stop

    resumed, again = module_for("info_nce", toy_backbone), Record()
    torch.manual_seed(12345)                       # another process: its random numbers stand elsewhere
    trainer_in(tmp_path / "resumed", max_epochs=2, callbacks=[again, save()], enable_checkpointing=True).fit(
        resumed, data_for("info_nce", path, **data), ckpt_path=checkpoint)
    assert again.ids == record.ids[stop:]
    assert again.losses == record.losses[stop:]
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name


class Impatient(BiEncoder):
    """Asks for the length of the run too early, as many modules do: Lightning then forgets where the loader stood."""

    def configure_optimizers(self):
        assert self.trainer.estimated_stepping_batches == 16
        return super().configure_optimizers()


def test_a_module_that_asks_for_the_length_of_the_run_resumes_all_the_same(toy_backbone, tmp_path):
    path, record, again = pairs_file(tmp_path), Record(), Record()

    def fit(record: Record, **options) -> None:
        module = Impatient(TextEncoder(toy_backbone, max_length=32), InfoNCE())
        save = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=5, save_top_k=-1, save_on_exception=False)
        trainer_in(tmp_path, max_epochs=2, callbacks=[record, save], enable_checkpointing=True).fit(
            module, data_for("info_nce", path), **options)

    fit(record)
    fit(again, ckpt_path=tmp_path / "step=5.ckpt")
    assert again.ids == record.ids[5:]


def without_dropout(loss: str, backbone: str) -> BiEncoder:
    """In float64 and without dropout, whose random numbers fall differently on each process."""
    module = module_for(loss, backbone).double()
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return module


def part_of_a_run(rank, world, loss, backbone, path, folder, expected):
    module, strategy = without_dropout(loss, backbone), DDPStrategy(process_group_backend="gloo")
    pl.Trainer(default_root_dir=folder, accelerator="cpu", devices=world, strategy=strategy, max_epochs=1, logger=False,
               enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, enable_checkpointing=False,
               gradient_clip_val=1.0).fit(module, data_for(loss, path, batch_size=8 // world, random_negatives=1))
    for name, value in expected.items():
        torch.testing.assert_close(module.state_dict()[name], value, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("loss", ["info_nce", "learnable", "symmetric", "cosine", "softmax"])
def test_a_run_on_two_processes_ends_with_the_weights_of_one(loss, toy_backbone, tmp_path):
    path, module = pairs_file(tmp_path), without_dropout(loss, toy_backbone)
    trainer_in(tmp_path, max_epochs=1, gradient_clip_val=1.0).fit(module, data_for(loss, path, batch_size=8, random_negatives=1))
    run_in_processes(2, part_of_a_run, 2, loss, toy_backbone, path, tmp_path, weights(module))


@pytest.mark.parametrize("loss", ["info_nce", "cosine", "softmax"])
def test_bf16_mixed_trains_and_keeps_float32_weights(loss, toy_backbone, tmp_path):
    module, record = module_for(loss, toy_backbone), Record()
    trainer_in(tmp_path, max_epochs=12, precision="bf16-mixed", callbacks=[record]).fit(module, data_for(loss, pairs_file(tmp_path)))
    assert np.mean(record.losses[-8:]) < 0.9 * np.mean(record.losses[:8])
    assert {p.dtype for p in module.parameters()} == {torch.float32}


def test_predict_gives_the_cosine_of_each_pair(toy_backbone, tmp_path):
    module, data = module_for("info_nce", toy_backbone), data_for("info_nce", pairs_file(tmp_path))
    cosines = torch.cat(trainer_in(tmp_path).predict(module, data)).numpy()
    rows = data.rows("validation")
    first, second = module.encoder.encode(rows.queries), module.encoder.encode(rows.documents[0])
    expected = (first * second).sum(1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    np.testing.assert_allclose(cosines, expected, atol=1e-5)
