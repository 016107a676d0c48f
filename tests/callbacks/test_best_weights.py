"""Inside best_weights the module is the best checkpoint; afterwards it is what it was."""

import pytest
import pytorch_lightning as pl
from toy_run import ToyData, toy_module, toy_trainer

from lit_embed.callbacks.best_weights import best_weights


def total(module):
    return sum(parameter.detach().double().sum().item() for parameter in module.parameters())


class Weights(pl.Callback):
    """The sum of all weights at each validation, and a figure to monitor that is best at the first."""

    def __init__(self, better):
        self.totals, self.better = {}, better

    def on_validation_epoch_end(self, trainer, module):
        self.totals[trainer.global_step] = total(module)
        module.log("figure", float(trainer.global_step) * self.better, batch_size=1)


@pytest.mark.parametrize("better, step", [(-1, 2), (1, 4)])
def test_the_monitored_best_is_put_in_and_taken_out_again(toy_backbone, tmp_path, better, step):
    weights, module = Weights(better), toy_module(toy_backbone)
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="figure", mode="max")
    trainer = toy_trainer(tmp_path, [weights, best], enable_checkpointing=True)
    trainer.fit(module, ToyData(batch_size=4))
    last = total(module)
    with best_weights(trainer, module) as steps:
        assert steps == step and total(module) == weights.totals[step]
    assert total(module) == last == weights.totals[4]


@pytest.mark.parametrize("monitored", [False, True])
def test_without_a_monitored_checkpoint_the_last_weights_stay(toy_backbone, tmp_path, monitored):
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="val_loss" if monitored else None)
    trainer, module = toy_trainer(tmp_path, [best], enable_checkpointing=True), toy_module(toy_backbone)
    trainer.fit(module, ToyData(batch_size=4))
    if monitored:
        best.best_model_path = str(tmp_path / "gone.ckpt")      # its file was moved away meanwhile
    last = total(module)
    with best_weights(trainer, module) as steps:
        assert steps == trainer.global_step and total(module) == last
