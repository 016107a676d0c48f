"""A run leaves an index of its documents, so that `lit-embed search <run>` answers at once."""

from pathlib import Path

import pytorch_lightning as pl

from lit_embed.callbacks.best_weights import best_weights
from lit_embed.callbacks.embedding import embed
from lit_embed.callbacks.evaluation import rows_of
from lit_embed.callbacks.hit_rate import HitRate
from lit_embed.distributed import barrier
from lit_embed.errors import UserError
from lit_embed.search import Index, distinct
from lit_embed.search.fingerprint import fingerprint


class SearchIndex(pl.Callback):
    """Writes <run>/index when training ends, with the weights of <run>/model: each distinct document once.

    data      whose documents; None: HitRate's data if the run has one, else the training data module
    splits    which of its splits; None: train and validation
    """

    def __init__(self, data: pl.LightningDataModule | str | None = None, splits: list[str] | None = None):
        self.data, self.splits = data, splits or ["train", "validation"]

    def setup(self, trainer: pl.Trainer, module: pl.LightningModule, stage: str) -> None:
        if not hasattr(getattr(module, "encoder", None), "encode"):
            raise UserError(f"SearchIndex keeps embeddings, and {type(module).__name__} has none: take it out")

    def on_train_end(self, trainer: pl.Trainer, module: pl.LightningModule) -> None:
        if trainer.fast_dev_run:
            return
        data = self.data or next((c.data for c in trainer.callbacks if isinstance(c, HitRate)), None)
        texts, _ = distinct([text for split in self.splits for text in rows_of(trainer, data, split).documents[0]])
        with best_weights(trainer, module):
            vectors = embed(trainer, module, texts, "document", title=f"indexing {len(texts):,} documents")     # (N, D)
            if trainer.is_global_zero:
                index = Index.build(vectors.cpu().numpy(), texts, fingerprint(module.encoder))
                index.save(Path(trainer.default_root_dir) / "index")
        barrier()                                  # nobody leaves, and takes the process group down, while one writes
