"""Training with sharded parameters (FSDP2): weights, gradients and AdamW's averages are spread over the processes."""

import pytorch_lightning as pl
from pytorch_lightning.strategies import ModelParallelStrategy
from torch import nn

from lit_embed.distributed import is_sharded, shard
from lit_embed.errors import UserError
from lit_embed.models.whole_weights import remember_whole


def shard_if_asked(module: pl.LightningModule) -> None:
    """Shards `module.encoder`, layer by layer, and `module.loss` over all processes where the run's strategy is
    ModelParallelStrategy; anywhere else nothing happens.

    A layer has whole weights only while it computes. Where a batch runs in several passes each is computed again in
    backward, and all layers have whole weights until its gradient is there.

    Raises
        UserError   a parameter cannot be sharded, or checkpoints would be in pieces
    """
    strategy = module._trainer.strategy if module._trainer is not None else None     # without one while it is loaded
    if not isinstance(strategy, ModelParallelStrategy) or is_sharded(module):
        return
    if strategy._save_distributed_checkpoint:
        raise UserError("ModelParallelStrategy would write checkpoints in pieces, which nothing here reads: set its "
                        "save_distributed_checkpoint: false")
    if scalars := [name for name, parameter in module.named_parameters() if not parameter.ndim]:
        raise UserError(f"the parameter {scalars[0]} has no dimension to shard: make it a vector of one, or train with "
                        "ddp")
    remember_whole(module.encoder)
    parts = [*layers(module.encoder), module.encoder]
    if any(True for _ in module.loss.parameters()):
        parts.append(module.loss)
    shard(parts, strategy.root_device.type)
    if hasattr(module.loss, "hold_back"):          # before the weights are gathered: a change to them would be lost
        module.loss.register_forward_pre_hook(lambda loss, _: loss.hold_back(), prepend=True)
    if left := [name for name, parameter in module.named_parameters() if not is_sharded(parameter)]:
        raise UserError(f"the parameter {left[0]} belongs neither to the encoder nor to the loss, and only these are "
                        "sharded: train with ddp")


def layers(encoder: nn.Module) -> list[nn.Module]:
    """The parts of the backbone that its architecture says stay in one piece: transformer layers, often embeddings.

    Where it says nothing, the longest list of modules: the transformer layers.
    """
    backbone = getattr(encoder, "backbone", encoder)
    names = set(getattr(backbone, "_no_split_modules", None) or [])
    named = [part for part in backbone.modules() if type(part).__name__ in names and part is not backbone]
    lists = [part for part in backbone.modules() if isinstance(part, nn.ModuleList)]
    return named or [*max(lists, key=len, default=[])]
