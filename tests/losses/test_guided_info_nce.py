"""Guided InfoNCE against the formula with columns left out one by one, with its gradient, alone and over processes."""

import math

import pytest
import torch
from shares import numbers_batch, two_processes_equal_one
from torch.autograd import gradcheck

from lit_embed.errors import UserError
from lit_embed.losses import GuidedInfoNCE, guided_info_nce, info_nce
from lit_embed.losses.guided_info_nce import nearer_than_the_answer


def naive(queries, documents, guide_queries, guide_documents, temperature):
    """One scalar at a time: a column counts unless the guide finds it nearer to the query than the answer."""
    def cosine(a, b):
        return float(a @ b) / (math.sqrt(float(a @ a)) * math.sqrt(float(b @ b)))

    total, columns = 0.0, [(j, c) for j in range(len(documents)) for c in range(documents.size(1))]
    for i, query in enumerate(queries):
        threshold, every = cosine(guide_queries[i], guide_documents[i, 0]), 0.0
        for j, c in columns:
            if (j, c) == (i, 0) or cosine(guide_queries[i], guide_documents[j, c]) <= threshold:
                every += math.exp(cosine(query, documents[j, c]) / temperature)
        total -= math.log(math.exp(cosine(query, documents[i, 0]) / temperature) / every)
    return total / len(queries)


def texts(batch, choices, dtype=torch.float32):
    return [torch.randn(*s, dtype=dtype) for s in [(batch, 4), (batch, choices, 4), (batch, 3), (batch, choices, 3)]]


@pytest.mark.parametrize("batch", [1, 6])
@pytest.mark.parametrize("choices", [1, 3])
def test_matches_the_naive_loop(batch, choices):
    inputs = texts(batch, choices)
    assert guided_info_nce(*inputs, 0.2).item() == pytest.approx(naive(*inputs, 0.2), rel=1e-4, abs=1e-6)


def test_gradient_matches_finite_differences():
    queries, documents, *guide = texts(4, 2, torch.float64)
    assert gradcheck(lambda q, d: guided_info_nce(q, d, *guide, 0.5), (queries.requires_grad_(), documents.requires_grad_()))


def test_a_guide_to_whom_all_is_equal_leaves_nothing_out():
    queries, documents, _, _ = texts(5, 2)
    assert not nearer_than_the_answer(torch.ones(5, 3), torch.ones(5, 2, 3)).any()
    assert guided_info_nce(queries, documents, torch.ones(5, 3), torch.ones(5, 2, 3)) == info_nce(queries, documents)


def test_the_answer_itself_is_never_left_out_and_a_guide_that_trusts_nothing_leaves_it_alone():
    """The guide finds every other document nearer than the answer: one choice is left, which costs nothing."""
    guide_queries, guide_documents = torch.eye(3), torch.ones(3, 1, 3) - 2 * torch.eye(3).unsqueeze(1)
    queries, documents = torch.randn(3, 4), torch.randn(3, 1, 4)
    left_out = nearer_than_the_answer(guide_queries, guide_documents)
    assert torch.equal(left_out, ~torch.eye(3, dtype=torch.bool))
    assert guided_info_nce(queries, documents, guide_queries, guide_documents).item() == pytest.approx(0, abs=1e-6)


def guided(learnable=False, rows=8, choices=2) -> GuidedInfoNCE:
    """With a guide for the texts of `numbers_batch`, which is another in every test and the same in its processes."""
    loss, ids = GuidedInfoNCE(0.3, learnable), torch.arange(rows * (1 + choices))
    loss.take_guide(*((ids, torch.randn(len(ids), 3)) for _ in range(2)))
    return loss


def test_the_module_looks_up_the_guides_vectors_and_leaves_equal_texts_out_too():
    loss, (queries, documents, _, _) = guided(), texts(4, 2)
    batch = numbers_batch(4, 2)
    vectors = [table.of(ids) for table, ids in zip(loss.guide, (batch.query_ids, batch.document_ids), strict=True)]
    assert loss(queries, documents, batch) == guided_info_nce(queries, documents, *vectors, 0.3)
    batch.document_ids[1, 1] = batch.document_ids[0, 0]               # the answer of row 0 is a negative of row 1
    same = torch.zeros(4, 8, dtype=torch.bool)
    same[0, 3] = True
    vectors = [table.of(ids) for table, ids in zip(loss.guide, (batch.query_ids, batch.document_ids), strict=True)]
    assert loss(queries, documents, batch) == guided_info_nce(queries, documents, *vectors, 0.3, same)


@pytest.mark.parametrize("learnable", [False, True])
def test_two_processes_give_the_gradient_of_one_big_batch(learnable):
    two_processes_equal_one(guided(learnable), 2)


def test_without_a_guide_it_is_one_clear_line():
    with pytest.raises(UserError, match="add the callback lit_embed.callbacks.Guide"):
        GuidedInfoNCE()(torch.randn(2, 4), torch.randn(2, 1, 4), numbers_batch(2, 1))


def test_the_guide_is_neither_trained_nor_saved():
    assert not guided().state_dict() and set(guided(True).state_dict()) == {"log_temperature"}
