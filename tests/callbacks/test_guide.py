"""The guide's vectors of every text of the run are in the loss before the first batch, the same on every process."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from toy_run import ToyData, toy_module, toy_trainer
from toys import run_in_processes

from lit_embed.batches import text_ids
from lit_embed.callbacks import Guide
from lit_embed.errors import UserError
from lit_embed.losses import GuidedInfoNCE, Matryoshka
from lit_embed.models import TextEncoder


def guided_module(backbone, loss=None):
    module = toy_module(backbone)
    module.loss = loss or GuidedInfoNCE()
    return module


def check_tables(loss, guide, rows):
    for table, texts in zip(loss.guide, (rows.queries, rows.documents[0]), strict=True):
        found = table.of(torch.from_numpy(text_ids(texts).copy()))
        np.testing.assert_allclose(found.numpy(), guide.encode(texts), atol=1e-5)


def test_a_fit_knows_the_texts_of_training_and_validation(toy_backbone, backbone_folder, tmp_path):
    """The guide is of another architecture than the model."""
    module, data = guided_module(toy_backbone), ToyData(batch_size=4)
    toy_trainer(tmp_path, [Guide(backbone_folder("roberta"))], max_epochs=1).fit(module, data)
    guide = TextEncoder.from_folder(backbone_folder("roberta"))
    for split in ("train", "validation"):
        check_tables(module.loss, guide, data.rows(split))


def test_a_test_knows_its_texts_and_a_loss_inside_another_is_guided_too(toy_backbone, tmp_path):
    module, data = guided_module(toy_backbone, Matryoshka(GuidedInfoNCE(), [32, 8])), ToyData(batch_size=4)
    toy_trainer(tmp_path, [Guide(toy_backbone, max_length=16)]).test(module, data, verbose=False)
    for loss in module.loss.losses:
        check_tables(loss, TextEncoder.from_folder(toy_backbone, max_length=16), data.rows("test"))


def test_a_run_draws_the_same_numbers_with_a_guide_as_without(toy_backbone, tmp_path):
    class Draws(pl.Callback):
        def on_fit_start(self, trainer, module):
            self.drawn = torch.rand(3)

    drawn = []
    for guides in ([], [Guide(toy_backbone)]):
        pl.seed_everything(1, verbose=False)
        draws = Draws()
        module = guided_module(toy_backbone) if guides else toy_module(toy_backbone)
        toy_trainer(tmp_path, [*guides, draws], max_steps=1).fit(module, ToyData(batch_size=4))
        drawn.append(draws.drawn)
    assert torch.equal(*drawn)


def test_a_loss_that_takes_no_guide_is_one_clear_line(toy_backbone, tmp_path):
    with pytest.raises(UserError, match="Guide guides a loss such as GuidedInfoNCE, and InfoNCE takes none"):
        toy_trainer(tmp_path, [Guide(toy_backbone)]).fit(toy_module(toy_backbone), ToyData())


def test_a_guide_that_is_not_there_is_named(toy_backbone, tmp_path):
    with pytest.raises(UserError, match="the model of the callback Guide: .*nowhere"):
        toy_trainer(tmp_path, [Guide("./nowhere")]).fit(guided_module(toy_backbone), ToyData(batch_size=4))


def share(rank, backbone, folder):
    module, data = guided_module(backbone), ToyData(batch_size=4)
    toy_trainer(folder, [Guide(backbone)]).validate(module, data, verbose=False)
    check_tables(module.loss, TextEncoder.from_folder(backbone), data.rows("validation"))


def test_two_processes_share_the_work_and_both_have_every_vector(toy_backbone, tmp_path):
    run_in_processes(2, share, toy_backbone, tmp_path)
