"""The weights that a run hands out: model folder, index and report all speak of the same ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytorch_lightning as pl


@contextmanager
def best_weights(trainer: pl.Trainer, module: pl.LightningModule) -> Iterator[int]:
    """Inside, the module has the weights of the best checkpoint where one is monitored, else those of the last step.

    Yields the number of optimizer steps those weights have seen; afterwards the module is as it was.
    """
    paths = [callback.best_model_path for callback in trainer.checkpoint_callbacks
             if getattr(callback, "monitor", None) and Path(callback.best_model_path).is_file()]
    if not paths:
        yield trainer.global_step
        return
    # A resumed run names the best file of the checkpoint it was given, so it is read as one: tensors and plain values.
    best = trainer.strategy.checkpoint_io.load_checkpoint(paths[0], map_location="cpu", weights_only=True)
    if best["global_step"] == trainer.global_step:
        yield trainer.global_step
        return
    last = {name: value.detach().to("cpu", copy=True) for name, value in module.state_dict().items()}
    try:
        module.load_state_dict(best["state_dict"])
        yield best["global_step"]
    finally:
        module.load_state_dict(last)
