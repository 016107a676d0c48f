"""The bi-encoder of images and texts: each image and its caption through their towers in one call, then the loss."""

import pytorch_lightning as pl
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import ImageTextBatch
from lit_embed.models import ImageTextEncoder, ImageTextTowers
from lit_embed.modules.open_step import gradients_so_far, restore_gradients
from lit_embed.modules.optimization import (LinearWarmupDecay, adamw, linear_schedule, steps_of_run,
                                            train_what_is_not_frozen)
from lit_embed.modules.random_state import random_state, restore_random_state
from lit_embed.modules.settings import remember
from lit_embed.modules.sharding import shard_if_asked


class ImageTextBiEncoder(pl.LightningModule):
    """Trains CLIP, SigLIP or two towers with any loss of embeddings, or your own: forward(images, captions, batch) -> ().

    encoder         images and texts -> (N, D)
    loss            (B, D), (B, 1, D), ImageTextBatch -> (): SymmetricInfoNCE, SigmoidPairs, InfoNCE ...
    learning_rate   at the end of the warm-up
    weight_decay    AdamW's, on matrices only
    warmup          steps if an integer, a share of the run if below 1; then linear decay to zero
    """

    predicts = "cosine"          # what a prediction is called in files

    def __init__(self, encoder: ImageTextEncoder | ImageTextTowers, loss: nn.Module, learning_rate: float = 1e-5,
                 weight_decay: float = 0.1, warmup: int | float = 0.1):
        super().__init__()
        self.encoder, self.loss = encoder, loss
        self.learning_rate, self.weight_decay, self.warmup = learning_rate, weight_decay, warmup
        self.schedule = LinearWarmupDecay(warmup)
        self.saved_random_state: dict[str, Tensor] = {}
        self.saved_gradients: dict[str, Tensor] = {}
        # Modules would be copied whole into every checkpoint; their class and arguments are remembered instead.
        self.save_hyperparameters(ignore=["encoder", "loss"])
        remember(self, "encoder", "loss")

    def embed(self, batch: ImageTextBatch) -> tuple[Tensor, Tensor]:
        """-> (B, D) of the images, (B, 1, D) of their captions: to a loss they are queries and documents"""
        images, captions = self.encoder(batch.images, batch.captions).chunk(2)                    # (B, D) each
        return images, captions.unsqueeze(1)

    def training_step(self, batch: ImageTextBatch, batch_index: int) -> Tensor:
        loss = self.loss(*self.embed(batch), batch)
        self.log("train_loss", loss.detach(), prog_bar=True, batch_size=len(batch))
        return loss

    def validation_step(self, batch: ImageTextBatch, batch_index: int) -> None:
        self.log("val_loss", self.loss(*self.embed(batch), batch), prog_bar=True, batch_size=len(batch), sync_dist=True)

    def test_step(self, batch: ImageTextBatch, batch_index: int) -> None:
        self.log("test_loss", self.loss(*self.embed(batch), batch), batch_size=len(batch), sync_dist=True)

    def predict_step(self, batch: ImageTextBatch, batch_index: int) -> Tensor:
        """The cosine of each image and its caption.  -> (B,) float32"""
        images, captions = self.embed(batch)
        return F.cosine_similarity(images.float(), captions[:, 0].float(), dim=-1)

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

    def on_load_checkpoint(self, checkpoint: dict) -> None:
        if self._trainer is not None:                             # or 64-true would load its weights through float32
            self.trainer.precision_plugin.convert_module(self)
        self.saved_random_state = checkpoint.get("random_state", {})
        self.saved_gradients = checkpoint.get("gradients", {})

    def configure_optimizers(self) -> dict[str, object]:
        optimizer = adamw(self, self.learning_rate, self.weight_decay)
        return {"optimizer": optimizer, "lr_scheduler": linear_schedule(optimizer, self.schedule)}
