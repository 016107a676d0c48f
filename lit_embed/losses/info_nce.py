"""InfoNCE, also called multiple-negatives ranking: pick the right document out of the whole batch."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lit_embed.batches import ImageTextBatch, PairBatch
from lit_embed.distributed import gather_with_grad, rank
from lit_embed.errors import UserError
from lit_embed.losses.full_precision import in_full_precision
from lit_embed.losses.info_nce_chunked import info_nce_chunked, symmetric_info_nce_chunked, too_many_at_once
from lit_embed.losses.same_text import same_text


@in_full_precision
def info_nce(queries: Tensor, documents: Tensor, temperature: float | Tensor = 0.05, same: Tensor | None = None) -> Tensor:
    """Cross-entropy of choosing each query's own document among all documents of all processes.

    van den Oord et al. 2018 (arXiv 1807.03748), equation 4, with cosine similarity over a temperature.

    queries      (B, D)
    documents    (B, C, D)      documents[i, 0] answers queries[i]; documents[i, 1:] are its hard negatives
    temperature  ()             a learnable one may be a tensor
    same         (B, W*B*C)     True where a column is the query's own text or another known answer: left out of the choice
    returns      ()             mean over this process's B queries; B must be equal on all processes
    """
    batch, choices, _ = documents.shape
    everyones = gather_with_grad(documents).flatten(0, 1)                                      # (W*B*C, D)
    logits = F.normalize(queries, dim=-1) @ F.normalize(everyones, dim=-1).T / temperature     # (B, W*B*C)
    if same is not None:
        logits = logits.masked_fill(same, -torch.inf)
    rows = torch.arange(batch, device=queries.device) + rank() * batch                         # where my rows landed
    return F.cross_entropy(logits, target=rows * choices)


def symmetric_info_nce(images: Tensor, texts: Tensor, temperature: float | Tensor = 0.05, image_ids: Tensor | None = None,
                       text_ids: Tensor | None = None) -> Tensor:
    """Each image finds its text and each text its image (Radford et al. 2021, arXiv 2103.00020, figure 3).

    images, texts        (B, D), row i of one belongs to row i of the other
    image_ids, text_ids  (B,)   identity of each: where an image stands in several rows, its other texts are no wrong choice,
                                and the other way round. None: every column counts
    returns              ()
    """
    text_choices, image_choices = None, None                                                   # (B, W*B) each
    if image_ids is not None:
        text_choices, image_choices = same_text(image_ids, text_ids[:, None]), same_text(text_ids, image_ids[:, None])
    find_text = info_nce(images, texts.unsqueeze(1), temperature, text_choices)
    find_image = info_nce(texts, images.unsqueeze(1), temperature, image_choices)
    return (find_text + find_image) / 2


class InfoNCE(nn.Module):
    """`info_nce` with the texts of the batch compared by identity.

    temperature   what the cosine is divided by; 0.05 is a scale of 20
    learnable     train the temperature too, as CLIP does: its logarithm, and never below 0.01
    chunk         queries compared at a time; None: all at once, or in parts if the batch is so large that it saves memory
    """

    def __init__(self, temperature: float = 0.05, learnable: bool = False, chunk: int | None = None):
        super().__init__()
        if temperature <= 0:
            raise UserError(f"temperature {temperature}: give a number above 0, such as 0.05")
        if chunk is not None and chunk < 1:
            raise UserError(f"chunk {chunk}: give the number of queries compared at a time, or nothing")
        self.temperature, self.learnable, self.chunk = temperature, learnable, chunk
        if learnable:
            # (1,), since a parameter without dimensions cannot be sharded; checkpoints of before have ().
            self.log_temperature = nn.Parameter(torch.tensor([math.log(temperature)]))
            self.register_load_state_dict_pre_hook(_one_dimension)

    def hold_back(self) -> None:
        """No temperature below 0.01: the parameter itself is held back, so that it can come up again."""
        if self.learnable:
            with torch.no_grad():
                self.log_temperature.clamp_(min=math.log(0.01))

    def current_temperature(self) -> float | Tensor:
        if not self.learnable:
            return self.temperature
        self.hold_back()
        return self.log_temperature.exp().squeeze(0)

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch | ImageTextBatch) -> Tensor:
        temperature, ids = self.current_temperature(), (batch.query_ids, batch.document_ids)
        if self.chunk or too_many_at_once(*documents.shape[:2]):
            return info_nce_chunked(queries, documents, temperature, *ids, self.chunk)
        return info_nce(queries, documents, temperature, same_text(*ids))


def _one_dimension(loss: InfoNCE, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    name = prefix + "log_temperature"
    if name in state and not state[name].ndim:
        state[name] = state[name].unsqueeze(0)


class SymmetricInfoNCE(InfoNCE):
    """`symmetric_info_nce` of queries (images) and their answers (captions), compared by identity; hard negatives have no
    part in it."""

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch | ImageTextBatch) -> Tensor:
        images, texts, temperature = queries, documents[:, 0], self.current_temperature()
        ids = (batch.query_ids, batch.document_ids[:, 0])
        if self.chunk or too_many_at_once(len(images), 1):
            return symmetric_info_nce_chunked(images, texts, temperature, self.chunk, *ids)
        return symmetric_info_nce(images, texts, temperature, *ids)
