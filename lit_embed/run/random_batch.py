"""Batches of random tokens, and a batch in parts: what a check of execution needs instead of data."""

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from lit_embed.batches import PairBatch, Tokens


def random_batch(rows: int, choices: int, labels: Literal["none", "scores", "classes", "teacher"],
                 vocabulary: int, seed: int = 1) -> PairBatch:
    """Texts of 3 to 12 random tokens, drawn from so few that some stand in several rows.

    labels   scores: 0..1; classes: 0, 1 or 2; teacher: of each choice, around 0
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(low: int, high: int, *shape: int) -> Tensor:
        return torch.randint(low, high, shape, generator=generator)

    lengths = draw(3, 13, 3 * rows)
    special = min(10, vocabulary - 1)                                          # these stand first
    texts = Tokens(draw(special, vocabulary, int(lengths.sum())), lengths)
    query_ids, document_ids = draw(0, rows, rows), draw(rows, 3 * rows, rows, choices)
    values = {"none": lambda: None, "classes": lambda: draw(0, 3, rows), "scores": lambda: torch.rand(rows, generator=generator),
              "teacher": lambda: torch.randn(rows, choices, generator=generator)}[labels]()
    return PairBatch(texts.select(query_ids), texts.select(document_ids.flatten()), values, query_ids, document_ids)


def split(batch: PairBatch, parts: int) -> Iterator[PairBatch]:
    """The batch in equal parts, rows in their order, each with its C choices."""
    choices = batch.document_ids.size(1)
    for rows in torch.arange(len(batch)).view(parts, -1):
        documents = (rows.unsqueeze(1) * choices + torch.arange(choices)).flatten()
        labels = None if batch.labels is None else batch.labels[rows]
        yield PairBatch(batch.queries.select(rows), batch.documents.select(documents), labels, batch.query_ids[rows],
                        batch.document_ids[rows], batch.source)
