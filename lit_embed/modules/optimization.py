"""AdamW as embedding models are trained: no decay on biases and norms, linear warm-up, linear decay to zero."""

import math

import pytorch_lightning as pl
from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from lit_embed.errors import UserError


def adamw(module: nn.Module, learning_rate: float, weight_decay: float) -> AdamW:
    """Fused AdamW over what is not frozen; weight decay on matrices only, never on biases, norms or a temperature."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    if not parameters:
        raise UserError("every parameter is frozen: there is nothing to train")
    groups = [{"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
              {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0}]
    fusable = all(p.device.type in ("cpu", "cuda") for p in parameters)
    optimizer = AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=fusable)
    # A fused step can unscale fp16 gradients itself, but then there would be nothing left to clip before it, and
    # Lightning refuses gradient_clip_val in any mixed precision. Said to be unable, it is handed unscaled gradients.
    optimizer._step_supports_amp_scaling = False
    return optimizer


class LinearWarmupDecay:
    """The learning rate's share at each step: up over `warmup` steps, then down to 0 at the last step of the run.

    warmup   steps if an integer, a share of the run if below 1

    The length of the run is set when training starts (`total`), not when the optimiser is made: asking Lightning
    for it earlier would load the data before a checkpoint is restored, and a resumed run would start its epoch anew.
    """

    def __init__(self, warmup: int | float):
        if warmup < 0:
            raise UserError(f"warmup {warmup}: give steps (an integer) or a share of the run (below 1)")
        self.warmup, self.total = warmup, math.inf

    def __call__(self, step: int) -> float:
        if self.warmup == 0 or self.warmup >= 1:
            steps = self.warmup
        else:
            steps = self.warmup * self.total                   # infinite while the total is unknown: a share of 0
        if step < steps:
            return step / steps
        if math.isinf(self.total):
            return 1.0
        return max(0.0, (self.total - step) / max(1.0, self.total - steps))


def linear_schedule(optimizer: AdamW, shape: LinearWarmupDecay) -> dict[str, object]:
    return {"scheduler": LambdaLR(optimizer, shape), "interval": "step"}


def steps_of_run(trainer: pl.Trainer) -> float:
    """Optimizer steps from the first to the last, known once training starts; infinite where nothing ends it."""
    steps = trainer.max_steps if trainer.max_steps > 0 else math.inf
    if (trainer.max_epochs or -1) > 0 and math.isfinite(trainer.num_training_batches):
        steps = min(steps, math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches) * trainer.max_epochs)
    return steps


def train_what_is_not_frozen(module: nn.Module) -> None:
    """Train mode everywhere, except in parts whose every parameter was frozen on purpose: they stay in eval mode.

    What adapters are trained beside is not of that kind: it drops out as it would if it were trained itself.
    """
    module.train()
    beside = {part for whole in module.modules() if hasattr(whole, "base_fingerprint") for part in whole.modules()}
    for part in module.modules():
        parameters = list(part.parameters())
        if parameters and part not in beside and not any(p.requires_grad for p in parameters):
            part.eval()
