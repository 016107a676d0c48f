"""What a checkpoint remembers of its module: the classes and arguments it was built from, as plain values.

LightningCLI hands these over by itself. A module built in Python gets the same tree from its parts, so that
`load_from_checkpoint` rebuilds encoder and loss either way, from a file that holds nothing but tensors and values.
"""

import inspect

import pytorch_lightning as pl
from torch import nn


def describe(part: object) -> object:
    """{"class_path": ..., "init_args": {...}} of a module whose arguments stand under their names; a value as it is."""
    if not isinstance(part, nn.Module):
        return part
    return {"class_path": f"{type(part).__module__}.{type(part).__qualname__}", "init_args": arguments(part)}


def arguments(part: nn.Module) -> dict[str, object]:
    names = [name for name in inspect.signature(type(part).__init__).parameters if name != "self"]
    return {name: describe(_remembered(part, name)) for name in names}


def _remembered(part: nn.Module, name: str) -> object:
    settings = getattr(part, "settings", {})
    return settings[name] if name in settings else getattr(part, name)


def remember(module: pl.LightningModule) -> None:
    """Called at the end of a constructor: `hparams` hold the tree, whoever built the module."""
    if "_instantiator" in module.hparams:                      # LightningCLI has set them
        return
    tree = {"_class_path": f"{type(module).__module__}.{type(module).__qualname__}", **arguments(module),
            "_instantiator": "pytorch_lightning.cli.instantiate_module"}
    module.hparams.clear()
    module.save_hyperparameters(tree)
