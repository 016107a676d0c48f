"""Whose rows an evaluation looks at: data of its own, the run's, or one set of the run's mixture, by its name."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytorch_lightning as pl
from torch import nn

from lit_embed.errors import UserError


def named_data(trainer: pl.Trainer, data: pl.LightningDataModule | str | None) -> pl.LightningDataModule | None:
    """The data that is given, or meant by the name of a set, or else the run's own."""
    own = trainer.datamodule
    if not isinstance(data, str):
        return own if data is None else data
    sets = getattr(own, "sets", {})
    if data not in sets:
        there = f"has {', '.join(sets)}" if sets else "is no mixture (lit_embed.data.Mixture)"
        raise UserError(f"data: {data} is to be a set of the training data, which {there}")
    return sets[data]


@contextmanager
def prefixes_of(data: pl.LightningDataModule | None, encoder: nn.Module) -> Iterator[None]:
    """Inside, texts are embedded with the prefixes of this data, where it has its own."""
    names = [name for name in ("query_prefix", "document_prefix") if hasattr(encoder, name)]
    before = {name: getattr(encoder, name) for name in names}
    try:
        for name in names:
            own = getattr(data, name, None)
            setattr(encoder, name, before[name] if own is None else own)
        yield
    finally:
        for name, prefix in before.items():
            setattr(encoder, name, prefix)
