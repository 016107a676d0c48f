"""Vectors come back for the ids that were asked, in any order and shape; an unknown text is refused."""

import pytest
import torch

from lit_embed.errors import UserError
from lit_embed.losses.text_vectors import TextVectors


def test_every_text_gets_its_own_vector():
    ids, vectors = torch.tensor([7, -2**63, 5, 2**62]), torch.randn(4, 3)
    asked = torch.tensor([[5, 5], [2**62, 7], [-2**63, 5]])
    expected = torch.stack([torch.stack([vectors[ids.tolist().index(each)] for each in row]) for row in asked.tolist()])
    assert torch.equal(TextVectors(ids, vectors).of(asked), expected)


@pytest.mark.parametrize("unknown", [4, 6, 100])
def test_an_unknown_text_is_refused_wherever_it_would_stand(unknown):
    with pytest.raises(UserError, match="not among those that the guide embedded"):
        TextVectors(torch.tensor([7, 5]), torch.randn(2, 3)).of(torch.tensor([5, unknown]))
