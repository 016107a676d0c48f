"""Scores of a query's own choices are those of the two vectors alone."""

import pytest
import torch

from lit_embed.losses.own_choices import own_choices


@pytest.mark.parametrize("similarity", ["dot", "cosine"])
@pytest.mark.parametrize("choices", [1, 3])
def test_each_score_is_that_of_a_query_and_one_of_its_choices(similarity, choices):
    queries, documents = torch.randn(4, 5), torch.randn(4, choices, 5)
    found = own_choices(queries, documents, similarity)
    for b in range(4):
        for c in range(choices):
            q, d = queries[b], documents[b, c]
            expected = q @ d if similarity == "dot" else q @ d / (q.norm() * d.norm())
            torch.testing.assert_close(found[b, c], expected)
