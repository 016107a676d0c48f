"""Which documents of the batch are no wrong choice for a query, decided by the identity of texts."""

import torch
from torch import Tensor

from lit_embed.distributed import gather, rank


def same_text(query_ids: Tensor, document_ids: Tensor) -> Tensor:
    """Which columns are no wrong choice for a row: its own text, its answer again, or another answer to the same query.

    Decided by the identity of texts, not by a similarity of 1, which dropout hides.

    query_ids      (B,)
    document_ids   (B, C)
    returns        (B, W*B*C)   True where `info_nce` leaves a column out; never the row's own answer
    """
    return SameText(query_ids, document_ids).rows(slice(0, len(query_ids)))


class SameText:
    """`same_text` for some rows at a time: the ids of all processes are gathered once.

    query_ids      (B,)
    document_ids   (B, C)
    """

    def __init__(self, query_ids: Tensor, document_ids: Tensor):
        self.query_ids, self.answer_ids = query_ids, document_ids[:, 0]
        everyones = gather(torch.cat([query_ids.unsqueeze(1), document_ids], dim=1))           # (W*B, 1 + C)
        self.askers, self.columns = everyones[:, 0].contiguous(), everyones[:, 1:].flatten()   # (W*B,), (W*B*C,)
        self.choices, self.first_row = document_ids.size(1), rank() * len(query_ids)

    def rows(self, rows: slice) -> Tensor:
        """-> (R, W*B*C) bool, for this process's rows from rows.start to rows.stop"""
        query_ids, answer_ids = self.query_ids[rows].unsqueeze(1), self.answer_ids[rows].unsqueeze(1)     # (R, 1)
        same = (self.columns == answer_ids).logical_or_(self.columns == query_ids)                        # (R, W*B*C)
        same[:, :: self.choices].logical_or_(self.askers == query_ids)          # the first choices answer their askers
        here = torch.arange(len(same), device=same.device)                      # (R,)
        same[here, (self.first_row + rows.start + here) * self.choices] = False
        return same
