"""The sigmoid loss against the algorithm of its paper one scalar at a time, with its gradient, alone and over processes."""

import math

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn.parallel import DistributedDataParallel
from toys import run_in_processes

from lit_embed.batches import ImageTextBatch
from lit_embed.errors import UserError
from lit_embed.losses import SigmoidPairs, SymmetricInfoNCE, info_nce, sigmoid_pairs


def naive_sigmoid_pairs(images, texts, scale, bias, same=None):
    """Zhai et al. 2023, algorithm 1, one pair at a time."""
    def cosine(a, b):
        return float(a @ b) / (math.sqrt(float(a @ a)) * math.sqrt(float(b @ b)))

    total = 0.0
    for i, image in enumerate(images):
        for j, text in enumerate(texts):
            if same is None or not same[i, j]:
                sign = 1 if i == j else -1
                total -= math.log(1 / (1 + math.exp(-sign * (scale * cosine(image, text) + bias))))
    return total / len(images)


@pytest.mark.parametrize("batch", [1, 5])
def test_matches_the_naive_loop(batch):
    images, texts = torch.randn(batch, 4), torch.randn(batch, 4)
    expected = naive_sigmoid_pairs(images, texts, 10.0, -10.0)
    assert sigmoid_pairs(images, texts).item() == pytest.approx(expected, rel=1e-4)


def test_matches_the_naive_loop_with_pairs_left_out():
    images, texts, same = torch.randn(4, 3), torch.randn(4, 3), torch.rand(4, 4) < 0.4
    same.fill_diagonal_(False)
    expected = naive_sigmoid_pairs(images, texts, 3.0, -1.0, same)
    assert sigmoid_pairs(images, texts, 3.0, -1.0, same).item() == pytest.approx(expected, rel=1e-4)


def test_gradient_matches_finite_differences():
    images, texts = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    scale, bias = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (2.0, -1.0))
    assert gradcheck(sigmoid_pairs, (images, texts, scale, bias))


def test_it_starts_at_the_papers_scale_and_bias_and_learns_both():
    loss, images, texts = SigmoidPairs(), torch.randn(4, 3), torch.randn(4, 1, 3)
    assert loss.log_scale.item() == pytest.approx(math.log(10)) and loss.bias.item() == -10
    found = loss(images, texts, batch_of(range(4), range(10, 14)))
    found.backward()
    assert found.item() == pytest.approx(sigmoid_pairs(images, texts[:, 0]).item())
    assert loss.log_scale.grad.abs() > 0 and loss.bias.grad.abs() > 0
    with pytest.raises(UserError, match="above 0"):
        SigmoidPairs(temperature=0)


def test_bf16_around_it_changes_neither_value_nor_gradient():
    images, texts = torch.randn(6, 16).bfloat16(), torch.randn(6, 16).bfloat16()
    results = []
    for autocast in (False, True):
        a, b = images.float().requires_grad_(), texts.float().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = sigmoid_pairs(a, b)
        loss.backward()
        results.append((loss.detach(), a.grad, b.grad))
    torch.testing.assert_close(*results, rtol=0, atol=0)


def batch_of(images, captions) -> ImageTextBatch:
    return ImageTextBatch(None, None, torch.tensor(list(images)), torch.tensor(list(captions)).unsqueeze(1))


def test_other_captions_of_a_photo_and_equal_captions_are_no_wrong_choices():
    """Rows 0 and 1 show one photo; rows 1 and 3 have one caption: pairs 0-1, 1-0, 1-3 and 3-1 are neither right nor wrong."""
    images, texts = torch.randn(4, 3), torch.randn(4, 1, 3)
    images[1], texts[3] = images[0], texts[1]
    batch = batch_of([7, 7, 8, 9], [1, 2, 3, 2])
    same = torch.zeros(4, 4, dtype=torch.bool)
    same[[0, 1, 1, 3], [1, 0, 3, 1]] = True
    expected = naive_sigmoid_pairs(images, texts[:, 0], 10.0, -10.0, same)
    assert SigmoidPairs()(images, texts, batch).item() == pytest.approx(expected, rel=1e-4)
    both = info_nce(images, texts, 0.05, same), info_nce(texts[:, 0], images[:, None], 0.05, same)
    for symmetric in (SymmetricInfoNCE(0.05), SymmetricInfoNCE(0.05, chunk=3)):
        assert symmetric(images, texts, batch).item() == pytest.approx(sum(both).item() / 2, rel=1e-5)


def gradient(model, images, texts, batch):
    loss = SigmoidPairs().double()
    loss(model(images), model(texts).unsqueeze(1), batch).backward()
    return next(model.parameters()).grad


def part_of_the_batch(rank, world, images, texts, ids, expected):
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Linear(6, 4, bias=False).double())
    mine = slice(rank * len(images) // world, (rank + 1) * len(images) // world)
    found = gradient(model, images[mine], texts[mine], batch_of(*(column[mine] for column in ids)))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def seven_rows(rank):
    rows = 4 - rank
    with pytest.raises(UserError, match="process 0 holds a batch of 4 x .*, process 1 one of 3"):
        sigmoid_pairs(torch.randn(rows, 4), torch.randn(rows, 4))


def test_two_processes_give_the_gradient_of_one_big_batch_also_where_a_photo_stands_on_both():
    images, texts, ids = torch.randn(8, 6).double(), torch.randn(8, 6).double(), ([1, 2, 3, 4, 1, 5, 6, 6], [*range(10, 18)])
    torch.manual_seed(0)
    expected = gradient(nn.Linear(6, 4, bias=False).double(), images, texts, batch_of(*ids))
    run_in_processes(2, part_of_the_batch, 2, images, texts, ids, expected)
    run_in_processes(2, seven_rows)
