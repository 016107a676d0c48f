"""A second model that guides the loss: it never changes, so it embeds every text of the run once, before training."""

from pathlib import Path

import pytorch_lightning as pl
import torch
from pytorch_lightning.utilities.seed import isolate_rng
from torch import Tensor

from lit_embed.batches import text_ids
from lit_embed.distributed import gather_examples, rank, world_size
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.models.resolve import resolve
from lit_embed.search.retrieval import distinct

SPLITS = {"fit": ("train", "validation"), "validate": ("validation",), "test": ("test",), "predict": ()}


class Guide(pl.Callback):
    """Gives a loss such as GuidedInfoNCE the embeddings of another model for all texts of the data.

    Every process embeds its share. The table takes 4 * G bytes a text, where the loss computes.

    model        folder of the guide, which says how it pools and what it puts before a text; or a Hub id, pooled by its mean
    max_length   tokens of a text; None: what the folder says, or 128
    """

    def __init__(self, model: str, max_length: int | None = None):
        self.model, self.max_length = model, max_length

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        guided = [part for part in module.loss.modules() if hasattr(part, "take_guide")]
        if not guided:
            raise UserError(f"Guide guides a loss such as GuidedInfoNCE, and {type(module.loss).__name__} takes none")
        if not hasattr(trainer.datamodule, "rows"):
            raise UserError("Guide embeds the texts of a data module of lit_embed.data, and this run has none")
        parts = [trainer.datamodule.rows(split) for split in SPLITS[stage]]
        if not parts:
            return
        with isolate_rng():                                           # the run draws the numbers it would draw without
            guide = self._open().to(trainer.strategy.root_device)
            queries = _embedded(guide, [text for part in parts for text in part.queries], "query")
            documents = _embedded(guide, [text for part in parts for column in part.documents for text in column], "document")
        for loss in guided:
            loss.take_guide(queries, documents)

    def _open(self) -> TextEncoder:
        changes = {"max_length": self.max_length} if self.max_length else {}
        try:
            where = resolve(self.model)
            return TextEncoder.from_folder(where, **changes) if Path(where).is_dir() else TextEncoder(where, **changes)
        except UserError as error:                                    # which speaks of the run's own backbone
            raise UserError(f"the model of the callback Guide: {error}") from error


def _embedded(guide: TextEncoder, texts: list[str], role: str) -> tuple[Tensor, Tensor]:
    """Identity and embedding of each distinct text, on every process.  -> (M,), (M, G)"""
    once, _ = distinct(texts)
    mine = torch.arange(rank(), len(once), world_size())                                  # (n,)
    found = torch.from_numpy(guide.encode([once[i] for i in mine.tolist()], role))        # (n, G)
    vectors = gather_examples(mine.to(guide.device), found.to(guide.device), len(once))
    return torch.from_numpy(text_ids(once).copy()).to(guide.device), vectors
