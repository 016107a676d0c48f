"""A step that is not finite changes no weight, whether it ends the run or is left out, and whoever decides."""

import pytest
import torch
from poison import Poison, Weights
from pytorch_lightning.plugins import MixedPrecision
from toy_run import ToyData, toy_module, toy_trainer

from lit_embed.callbacks import Numerics, numerics
from lit_embed.errors import UserError

TEXT = ToyData().rows("train").queries[4]                          # one of two batches of an epoch has it


@pytest.fixture(params=["host", "device"])
def decided_on(request, monkeypatch) -> str:
    """On a CPU the host decides; as on a GPU, the fused optimizer does, and the host looks later."""
    if request.param == "device":
        monkeypatch.setattr(numerics, "_host_decides", lambda module, optimizer: False)
    return request.param


def run(folder, backbone, numerics, poison, **changes):
    weights, module = Weights(), toy_module(backbone)
    trainer = toy_trainer(folder, [poison, numerics, weights], max_epochs=3, **changes)
    return weights, trainer, lambda: trainer.fit(module, ToyData(batch_size=4))


def moved(weights: Weights) -> list[bool]:
    return [not torch.equal(before, after) for before, after in zip(weights.seen, weights.seen[1:])]


@pytest.mark.parametrize("where", ["output", "gradient"])
def test_a_step_left_out_changes_no_weight_and_all_others_are_taken(decided_on, where, toy_backbone, tmp_path):
    guard = Numerics("skip")
    weights, trainer, fit = run(tmp_path, toy_backbone, guard, Poison(TEXT, [3, 4], where))
    with pytest.warns(UserWarning, match=rf"left out step [34]: .*'{TEXT}'"):
        fit()
    left_out = [step for step, other in enumerate(moved(weights), 1) if not other]
    assert len(left_out) == 1 and left_out[0] in (3, 4) and len(weights.seen) == 7
    assert all(each.isfinite().all() for each in weights.seen)
    assert guard.skipped == 1 and trainer.callback_metrics["skipped_steps"] == 1
    assert not hasattr(trainer.optimizers[0], "found_inf")


def test_a_run_that_stops_does_so_with_the_weights_before_the_bad_step(decided_on, toy_backbone, tmp_path):
    weights, trainer, fit = run(tmp_path, toy_backbone, Numerics(), Poison(TEXT, [3, 4]))
    with pytest.raises(UserError, match=rf"step [34]: .*'{TEXT}'.* leave such steps out with on_nonfinite: skip"):
        fit()
    now = torch.cat([p.detach().flatten() for p in trainer.lightning_module.parameters()])
    step = 3 if torch.equal(now, weights.seen[2]) else 4
    assert torch.equal(now, weights.seen[step - 1]) and moved(weights)[:step - 1] == [True] * (step - 1)


def test_a_run_without_a_bad_step_is_the_run_without_the_guard(decided_on, toy_backbone, tmp_path):
    found = []
    for guard in (Numerics(), Numerics("skip"), None):
        torch.manual_seed(3)
        weights = Weights()
        toy_trainer(tmp_path, [*filter(None, [guard]), weights]).fit(toy_module(toy_backbone), ToyData(batch_size=4))
        found.append(weights.seen)
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(*found, strict=True))


def test_endless_skipping_ends_the_run(decided_on, toy_backbone, tmp_path):
    every = Poison(TEXT)
    every.on_train_batch_start = lambda trainer, module, batch, batch_idx: setattr(every, "rows", torch.arange(8) == 6)
    guard = Numerics("skip", in_a_row=2)
    _, trainer, fit = run(tmp_path, toy_backbone, guard, every)
    last = "2 steps in a row were left out; the last is step 2: .*of document 3"
    with pytest.warns(UserWarning, match="left out step 1"), pytest.raises(UserError, match=last):
        fit()
    assert guard.skipped == 2


def test_steps_left_out_are_counted_across_a_resume_and_a_good_step_ends_a_row(toy_backbone, tmp_path):
    guard = Numerics("skip", in_a_row=3)
    _, _, fit = run(tmp_path, toy_backbone, guard, Poison(TEXT))                    # one of each two steps
    with pytest.warns(UserWarning):
        fit()
    again = Numerics("skip")
    again.load_state_dict(guard.state_dict())
    assert guard.skipped == again.skipped == 3


def test_micro_steps_are_left_out_together(toy_backbone, tmp_path):
    weights, _, fit = run(tmp_path, toy_backbone, Numerics("skip"), Poison(TEXT, [2]), accumulate_grad_batches=2)
    with pytest.warns(UserWarning, match=f"left out step 2: .*'{TEXT}'"):
        fit()
    assert moved(weights) == [False, True, False, False, False, True]


def test_infinite_gradients_are_left_to_a_loss_scaler_but_not_an_infinite_loss(toy_backbone, tmp_path):
    def scaled():
        return MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=2.0**8))

    weights, _, fit = run(tmp_path, toy_backbone, Numerics(), Poison(TEXT, [3, 4], "gradient"), plugins=[scaled()])
    fit()
    assert moved(weights).count(False) == 1
    weights, _, fit = run(tmp_path, toy_backbone, Numerics("skip"), Poison(TEXT, [3, 4]), plugins=[scaled()])
    with pytest.warns(UserWarning, match=f"left out .*'{TEXT}'"):
        fit()
    assert moved(weights).count(False) == 1 and weights.seen[-1].isfinite().all()


def test_mistakes_in_the_settings_are_refused():
    with pytest.raises(UserError, match="there are stop and skip"):
        Numerics("ignore")
    with pytest.raises(UserError, match="1 or more"):
        Numerics(in_a_row=0)
