"""Checkpoints of a LoRA run hold what is trained: the backbone's own weights never change and are read from its folder again."""

import pytorch_lightning as pl

from lit_embed.distributed import is_sharded
from lit_embed.errors import UserError
from lit_embed.models.lora import base_names
from lit_embed.models.whole_weights import own_weights

MARK = "base_fingerprint"


def leave_out_base(module: pl.LightningModule, checkpoint: dict) -> None:
    """Takes the frozen weights of `module.encoder` out of a checkpoint, and says in it which they were.

    Sharded ones stay: FSDP reads a checkpoint straight into the shards.
    """
    names = base_names(module.encoder)
    if not names or is_sharded(module):
        return
    checkpoint["state_dict"] = {name: value for name, value in checkpoint["state_dict"].items()
                                if name.removeprefix("encoder.") not in names}
    checkpoint[MARK] = module.encoder.backbone.base_fingerprint


def put_base_back(module: pl.LightningModule, checkpoint: dict) -> None:
    """Adds the frozen weights that `module.encoder` has to a checkpoint that left them out.

    Raises
        UserError   they are others than those that the checkpoint was trained beside
    """
    if MARK not in checkpoint:
        return
    if checkpoint[MARK] != getattr(module.encoder.backbone, MARK, None):
        raise UserError("the checkpoint holds adapters that were trained beside other weights than those of this backbone: give "
                        "the backbone, and the lora settings, of that run")
    names = base_names(module.encoder)
    checkpoint["state_dict"] |= {name: value for name, value in own_weights(module).items()
                                 if name.removeprefix("encoder.") in names}
