"""The bi-encoder: queries and documents through one encoder in one call, then the loss."""

import pytorch_lightning as pl
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import PairBatch, Tokens
from lit_embed.models import TextEncoder
from lit_embed.modules.base_weights import leave_out_base, put_base_back
from lit_embed.modules.log_by_set import log_by_set
from lit_embed.modules.open_step import gradients_so_far, restore_gradients
from lit_embed.modules.optimization import (LinearWarmupDecay, adamw, linear_schedule, steps_of_run,
                                            train_what_is_not_frozen)
from lit_embed.modules.random_state import random_state, restore_random_state
from lit_embed.modules.settings import remember
from lit_embed.modules.sharding import shard_if_asked


class BiEncoder(pl.LightningModule):
    """Trains a TextEncoder with any loss of lit_embed.losses, or your own: forward(queries, documents, batch) -> ().

    encoder         texts -> (N, D)
    loss            (B, D), (B, C, D), PairBatch -> (); its build(width) and check(labels, choices) are called if it has them
    learning_rate   at the end of the warm-up
    weight_decay    AdamW's, on matrices only
    warmup          steps if an integer, a share of the run if below 1; then linear decay to zero
    """

    predicts = "cosine"          # what a prediction is called in files

    def __init__(self, encoder: TextEncoder, loss: nn.Module, learning_rate: float = 2e-5, weight_decay: float = 0.01,
                 warmup: int | float = 0.1):
        super().__init__()
        self.encoder, self.loss = encoder, loss
        self.learning_rate, self.weight_decay, self.warmup = learning_rate, weight_decay, warmup
        if hasattr(loss, "build"):                                # a loss with weights of its own learns the width here
            loss.build(encoder.width)
        self.schedule = LinearWarmupDecay(warmup)
        self.saved_random_state: dict[str, Tensor] = {}
        self.saved_gradients: dict[str, Tensor] = {}
        # Modules would be copied whole into every checkpoint; their class and arguments are remembered instead.
        self.save_hyperparameters(ignore=["encoder", "loss"])
        remember(self, "encoder", "loss")

    def embed(self, batch: PairBatch) -> tuple[Tensor, Tensor]:
        """One call for all texts of the batch.  -> (B, D), (B, C, D)"""
        embeddings = self.encoder(Tokens.join([batch.queries, batch.documents]))                  # (B + B*C, D)
        queries, documents = embeddings.split([len(batch.queries), len(batch.documents)])
        return queries, documents.unflatten(0, batch.document_ids.shape)

    def training_step(self, batch: PairBatch, batch_index: int) -> Tensor:
        loss = self.loss(*self.embed(batch), batch)
        self.log("train_loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        log_by_set(self, "train_loss", loss, batch)
        return loss

    def validation_step(self, batch: PairBatch, batch_index: int) -> None:
        loss = self.loss(*self.embed(batch), batch)
        self.log("val_loss", loss, prog_bar=True, batch_size=len(batch), sync_dist=True)
        log_by_set(self, "val_loss", loss, batch, sync_dist=True)

    def test_step(self, batch: PairBatch, batch_index: int) -> None:
        self.log("test_loss", self.loss(*self.embed(batch), batch), batch_size=len(batch), sync_dist=True)

    def predict_step(self, batch: PairBatch, batch_index: int) -> Tensor:
        """The cosine of each query and its first document.  -> (B,) float32"""
        queries, documents = self.embed(batch)
        return F.cosine_similarity(queries.float(), documents[:, 0].float(), dim=-1)

    def setup(self, stage: str) -> None:
        # Rows that do not fit the loss are found here, before the evaluations that precede the first step.
        data = self.trainer.datamodule
        if stage == "fit" and hasattr(self.loss, "check") and hasattr(data, "pairs"):
            pairs = data.pairs("train")
            self.loss.check(pairs.labels, pairs.choices)

    def configure_model(self) -> None:
        shard_if_asked(self)

    def on_fit_start(self) -> None:
        # from_pretrained hands over in eval mode and Lightning keeps what it finds: dropout would be off all along.
        train_what_is_not_frozen(self)

    def on_train_start(self) -> None:
        self.schedule.total = steps_of_run(self.trainer)
        restore_random_state(self.saved_random_state, self.device)
        restore_gradients(self.saved_gradients, self)
        self.saved_gradients = {}                                 # as large as the weights

    def on_save_checkpoint(self, checkpoint: dict) -> None:
        checkpoint["random_state"] = random_state(self.device)
        checkpoint["gradients"] = gradients_so_far(self)
        leave_out_base(self, checkpoint)

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        if self._trainer is not None:                             # or 64-true would load its weights through float32
            self.trainer.precision_plugin.convert_module(self)
        put_base_back(self, checkpoint)
        self.saved_random_state = checkpoint.get("random_state", {})
        self.saved_gradients = checkpoint.get("gradients", {})

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = adamw(self, self.learning_rate, self.weight_decay)
        return {"optimizer": optimizer, "lr_scheduler": linear_schedule(optimizer, self.schedule)}
