"""InfoNCE guided by a second model, which sees what nobody marked: a column that it finds nearer than the answer is no
wrong choice.
"""

import torch.nn.functional as F
from torch import Tensor

from lit_embed.batches import PairBatch
from lit_embed.distributed import gather, rank
from lit_embed.errors import UserError
from lit_embed.losses.full_precision import in_full_precision
from lit_embed.losses.info_nce import InfoNCE, info_nce
from lit_embed.losses.same_text import same_text
from lit_embed.losses.text_vectors import TextVectors


def guided_info_nce(queries: Tensor, documents: Tensor, guide_queries: Tensor, guide_documents: Tensor,
                    temperature: float | Tensor = 0.05, same: Tensor | None = None) -> Tensor:
    """`info_nce` without the columns that the guide finds nearer to a query than its answer.

    Solatorio 2024 (arXiv 2402.16829, guided in-sample selection: a negative whose similarity to the query is above that of
    the positive, in the eyes of the guide, does not count). GISTEmbed also sets queries against queries and documents
    against documents; here, as in InfoNCE, a query chooses among documents.

    queries, documents               (B, D), (B, C, D)     as in `info_nce`
    guide_queries, guide_documents   (B, G), (B, C, G)     the guide's embeddings of the same texts
    temperature                      ()
    same                             (B, W*B*C)            columns to leave out besides
    returns                          ()                    mean over this process's B queries; B must be equal on all processes
    """
    nearer = nearer_than_the_answer(guide_queries, guide_documents)                            # (B, W*B*C)
    return info_nce(queries, documents, temperature, nearer if same is None else nearer | same)


@in_full_precision
def nearer_than_the_answer(queries: Tensor, documents: Tensor) -> Tensor:
    """Which columns have a higher cosine than a row's own answer.  (B, G), (B, C, G) -> (B, W*B*C) bool"""
    batch, choices, _ = documents.shape
    everyones = F.normalize(gather(documents).flatten(0, 1), dim=-1)                           # (W*B*C, G)
    cosines = F.normalize(queries, dim=-1) @ everyones.T                                       # (B, W*B*C)
    own = cosines[:, rank() * batch * choices:][:, : batch * choices : choices].diagonal()     # (B,)
    return cosines > own.unsqueeze(1)


class GuidedInfoNCE(InfoNCE):
    """`guided_info_nce`, the guide's embeddings looked up by the identity of the texts; the callback `Guide` brings them.

    temperature   what the cosine is divided by
    learnable     train the temperature too
    """

    def __init__(self, temperature: float = 0.05, learnable: bool = False):
        super().__init__(temperature, learnable)
        self.guide: tuple[TextVectors, TextVectors] | None = None

    def take_guide(self, queries: tuple[Tensor, Tensor], documents: tuple[Tensor, Tensor]) -> None:
        """Identities (M,) and embeddings (M, G) of every text that may come as a query, and as a document."""
        self.guide = TextVectors(*queries), TextVectors(*documents)

    def forward(self, queries: Tensor, documents: Tensor, batch: PairBatch) -> Tensor:
        if self.guide is None:
            raise UserError("GuidedInfoNCE has no guide: add the callback lit_embed.callbacks.Guide with a `model`")
        ids = batch.query_ids, batch.document_ids
        guided = [vectors.of(some) for vectors, some in zip(self.guide, ids)]                  # (B, G), (B, C, G)
        return guided_info_nce(queries, documents, *guided, self.current_temperature(), same_text(*ids))
