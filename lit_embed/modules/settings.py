"""What a checkpoint remembers of its module: the classes and arguments it was built from, as plain values.

The tree is the one that LightningCLI writes, so `load_from_checkpoint` rebuilds encoder and loss whether the module
was built by a YAML or in Python, from a file that holds nothing but tensors and plain values.
"""

import inspect

import pytorch_lightning as pl
from torch import nn


def describe(part: object) -> object:
    """{"class_path": ..., "init_args": {...}} of a module whose arguments stand under their names; a value as it is."""
    if isinstance(part, nn.ModuleDict):
        return {name: describe(each) for name, each in part.items()}
    if not isinstance(part, nn.Module):
        return part
    return {"class_path": f"{type(part).__module__}.{type(part).__qualname__}", "init_args": arguments(part)}


def arguments(part: nn.Module) -> dict[str, object]:
    """Constructor arguments by name: from `part.settings` if it has such a dictionary, else from its attributes."""
    names = [name for name in inspect.signature(type(part).__init__).parameters if name != "self"]
    known = {name: getattr(part, name) for name in names if hasattr(part, name)} | getattr(part, "settings", {})
    return {name: describe(value) for name, value in known.items()}


def remember(module: pl.LightningModule, *parts: str) -> None:
    """Adds the trees of the named sub-modules to `hparams`, which hold every other argument already."""
    module.save_hyperparameters({"_class_path": f"{type(module).__module__}.{type(module).__qualname__}",
                                 **{name: describe(getattr(module, name)) for name in parts},
                                 "_instantiator": "pytorch_lightning.cli.instantiate_module"})
