"""A run that meets a NaN or an infinity on purpose, and what became of its weights."""

import pytorch_lightning as pl
import torch

from lit_embed.batches import text_ids


class Poison(pl.Callback):
    """Spoils the encoder's output, or its gradient, in the rows of one text.

    text     of the training rows
    steps    in which steps of the run, the first is 1; None: in every one
    where    "output" or "gradient"
    """

    def __init__(self, text: str, steps: list[int] | None = None, where: str = "output", value: float = torch.nan):
        self.identity, self.steps, self.where, self.value = int(text_ids([text])[0]), steps, where, value
        self.rows = None

    def setup(self, trainer, module, stage):                       # before anything looks at the output
        module.encoder.register_forward_hook(self._spoil)

    def on_train_batch_start(self, trainer, module, batch, batch_idx):
        due = self.steps is None or trainer.global_step + 1 in self.steps
        identities = torch.cat([batch.query_ids, batch.document_ids.flatten()])
        self.rows = identities == self.identity if due else None

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.rows = None

    def _spoil(self, encoder, inputs, output):
        if self.rows is None or not torch.is_grad_enabled():
            return output
        rows = self.rows[-len(output):].unsqueeze(1)               # a cross-encoder's rows are those of the documents
        if self.where == "output":
            return output.masked_fill(rows, self.value)
        output.register_hook(lambda gradient: gradient.masked_fill(rows, self.value))
        return output


class Weights(pl.Callback):
    """The weights before the first step and after each."""

    def on_train_start(self, trainer, module):
        self.seen = [self._now(module)]

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.seen.append(self._now(module))

    def _now(self, module):
        return torch.cat([p.detach().flatten().clone() for p in module.parameters()])
