"""What an encoder says of each query and its own choices: the scores that are compared with a teacher's."""

import torch
import torch.nn.functional as F
from torch import Tensor

SIMILARITIES = {"dot": lambda queries, documents: torch.einsum("bd,bcd->bc", queries, documents),
                "cosine": lambda queries, documents: F.cosine_similarity(queries.unsqueeze(1), documents, dim=-1)}


def own_choices(queries: Tensor, documents: Tensor, similarity: str) -> Tensor:
    """(B, D), (B, C, D) -> (B, C); similarity: one of SIMILARITIES"""
    return SIMILARITIES[similarity](queries, documents)
