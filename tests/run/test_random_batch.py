"""Random batches have texts in common, are the same in every process, and their parts are the whole."""

import pytest
import torch

from lit_embed.batches import Tokens
from lit_embed.run.random_batch import random_batch, split


@pytest.mark.parametrize("labels, kind", [("none", None), ("scores", torch.float32), ("classes", torch.int64), ("teacher", torch.float32)])
def test_equal_ids_are_equal_texts_and_some_stand_in_several_rows(labels, kind):
    batch, again = random_batch(8, 3, labels, 100), random_batch(8, 3, labels, 100)
    texts = [tuple(text.tolist()) for text in batch.documents.ids.split(batch.documents.lengths.tolist())]
    ids = batch.document_ids.flatten().tolist()
    assert len(set(zip(ids, texts))) == len(set(ids)) < len(ids)
    assert torch.equal(batch.documents.ids, again.documents.ids) and torch.equal(batch.query_ids, again.query_ids)
    assert batch.labels is None if kind is None else batch.labels.dtype == kind
    if kind:
        assert batch.labels.shape == ((8, 3) if labels == "teacher" else (8,))


def test_parts_make_up_the_whole():
    batch = random_batch(6, 2, "scores", 50)
    parts = list(split(batch, 3))
    assert [len(part) for part in parts] == [2, 2, 2]
    for name in ("queries", "documents"):
        joined = Tokens.join([getattr(part, name) for part in parts])
        assert torch.equal(joined.ids, getattr(batch, name).ids)
    for name in ("labels", "query_ids", "document_ids"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(batch, name))
