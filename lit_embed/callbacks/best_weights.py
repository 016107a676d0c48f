"""The weights that a run hands out: model folder, index and report all speak of the same ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import pytorch_lightning as pl
from torch import nn

from lit_embed.distributed import is_sharded
from lit_embed.models.whole_weights import own_weights, whole

# The best checkpoint of a run, for as long as its trainer lives: (path, time of writing) and what was read.
_LOADED: WeakKeyDictionary[pl.Trainer, tuple[tuple[str, int], dict]] = WeakKeyDictionary()


@contextmanager
def best_weights(trainer: pl.Trainer, module: pl.LightningModule) -> Iterator[int]:
    """Inside, the module has the weights of the best checkpoint where one is monitored, else those of the last step.

    Yields the number of optimizer steps those weights have seen; afterwards the module is as it was. All processes must
    enter. Of a sharded module the encoder is whole inside, and the loss stays as it is.
    """
    sharded = is_sharded(module)
    with whole(module), _with_best(trainer, module.encoder if sharded else module, "encoder." * sharded) as steps:
        yield steps


@contextmanager
def _with_best(trainer: pl.Trainer, module: nn.Module, prefix: str) -> Iterator[int]:
    """`prefix` is what stands before the names of the module's weights in a checkpoint."""
    paths = [callback.best_model_path for callback in trainer.checkpoint_callbacks
             if getattr(callback, "monitor", None) and Path(callback.best_model_path).is_file()]
    if not paths:
        yield trainer.global_step
        return
    best = _loaded(trainer, paths[0])
    if best["global_step"] == trainer.global_step:
        yield trainer.global_step
        return
    found = {name.removeprefix(prefix): value for name, value in best["state_dict"].items() if name.startswith(prefix)}
    here = own_weights(module)                      # a checkpoint of adapters leaves out what never changes
    last = {name: value.detach().to("cpu", copy=True) for name, value in here.items() if name in found}
    try:
        module.load_state_dict({**here, **found})
        yield best["global_step"]
    finally:
        module.load_state_dict({**here, **last})


def _loaded(trainer: pl.Trainer, path: str) -> dict:
    """Steps and weights of a checkpoint, read once for all callbacks of a run that ask."""
    file = (path, Path(path).stat().st_mtime_ns)
    if trainer not in _LOADED or _LOADED[trainer][0] != file:
        # A resumed run names the best file of the checkpoint it was given: it is read as tensors and plain values.
        best = trainer.strategy.checkpoint_io.load_checkpoint(path, map_location="cpu", weights_only=True)
        _LOADED[trainer] = file, {name: best[name] for name in ("global_step", "state_dict")}
    return _LOADED[trainer][1]
