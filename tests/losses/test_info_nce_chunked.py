"""Chunked InfoNCE is InfoNCE: the same value and gradient, in the memory of a block, alone and over processes."""

import pytest
import torch
from torch.autograd import gradcheck
from torch.profiler import ProfilerActivity, profile
from toys import run_in_processes

from lit_embed.losses.info_nce import info_nce, symmetric_info_nce
from lit_embed.losses.info_nce_chunked import info_nce_chunked, symmetric_info_nce_chunked
from lit_embed.losses.same_text import same_text


def double(*shape):
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


def temperature(value=0.07):
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


def ids(batch, choices):
    """So few texts that some stand in several rows."""
    return torch.randint(0, batch, (batch,)), torch.randint(batch // 2, 3 * batch, (batch, choices))


@pytest.mark.parametrize("chunk", [1, 3, 5, 7, 100, None])
@pytest.mark.parametrize("choices", [1, 3])
def test_value_and_gradient_are_those_of_the_dense_form(choices, chunk):
    inputs, known = (double(7, 4), double(7, choices, 4), temperature()), ids(7, choices)
    dense, blocks = info_nce(*inputs, same_text(*known)), info_nce_chunked(*inputs, *known, chunk)
    torch.testing.assert_close(blocks, dense, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(torch.autograd.grad(3 * blocks, inputs), torch.autograd.grad(3 * dense, inputs),
                               rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("chunk", [2, None])
def test_symmetric_is_that_of_the_dense_form(chunk):
    inputs = double(5, 4), double(5, 4), temperature()
    dense, blocks = symmetric_info_nce(*inputs), symmetric_info_nce_chunked(*inputs, chunk)
    torch.testing.assert_close(blocks, dense, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(torch.autograd.grad(blocks, inputs), torch.autograd.grad(dense, inputs),
                               rtol=1e-10, atol=1e-10)


def test_gradient_matches_finite_differences():
    known = ids(4, 2)
    assert gradcheck(lambda q, d, t: info_nce_chunked(q, d, t, *known, 3), (double(4, 3), double(4, 2, 3), temperature(0.5)))


def test_a_zero_embedding_and_a_single_row_are_no_special_case():
    queries, documents = torch.zeros(1, 3, requires_grad=True), torch.tensor([[[1.0, 2, 3], [0, 0, 0]]], requires_grad=True)
    values = info_nce(queries, documents, 0.5), info_nce_chunked(queries, documents, 0.5)
    torch.testing.assert_close(*values)
    torch.testing.assert_close(*(torch.autograd.grad(value, (queries, documents)) for value in values))


def test_what_needs_no_gradient_gets_none():
    queries, documents = torch.randn(3, 4), torch.randn(3, 2, 4, requires_grad=True)
    info_nce_chunked(queries, documents).backward()
    assert queries.grad is None and documents.grad is not None
    with torch.no_grad():
        assert not info_nce_chunked(queries, documents).requires_grad


def test_bf16_around_it_changes_neither_value_nor_gradient():
    queries, documents = torch.randn(6, 16).bfloat16(), torch.randn(6, 2, 16).bfloat16()
    results = []
    for autocast in (False, True):
        q, d = queries.float().requires_grad_(), documents.float().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = info_nce_chunked(q, d, chunk=4)
        loss.backward()
        results.append((loss.detach(), q.grad, d.grad))
    torch.testing.assert_close(*results, rtol=0, atol=0)
    assert info_nce_chunked(queries, documents).dtype == torch.float32


def peak(run) -> int:
    """Most bytes of tensors that are alive at once while `run` runs, beyond those before."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        run()
    alive = highest = 0
    memory = [event for event in profiled.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(memory, key=lambda event: event.start_ns()):
        alive += event.nbytes()
        highest = max(highest, alive)
    return highest


def test_memory_is_that_of_some_rows_by_all_columns():
    queries, documents = torch.randn(1024, 8, requires_grad=True), torch.randn(1024, 2, 8, requires_grad=True)
    known, inputs, row = ids(1024, 2), queries.nbytes + documents.nbytes, 2048 * 4
    dense = peak(lambda: info_nce(queries, documents, 0.05, same_text(*known)).backward())
    blocks = {chunk: peak(lambda: info_nce_chunked(queries, documents, 0.05, *known, chunk).backward()) for chunk in (16, 64)}
    assert dense > 1024 * row                                       # the whole matrix, and more
    assert all(highest < 4 * inputs + 2 * chunk * row for chunk, highest in blocks.items())
    assert 48 * row < blocks[64] - blocks[16] < 2 * 48 * row


LOSSES = {"rows": lambda q, d, t, known: info_nce_chunked(q, d, t, *known, 3),
          "symmetric": lambda q, d, t, _: symmetric_info_nce_chunked(q, d[:, 0], t, 3)}


def in_part(rank, name, queries, documents, known, expected):
    """Averaged over processes, as DistributedDataParallel would the parameters: half of each gradient of the whole."""
    mine, choices = slice(rank * 4, rank * 4 + 4), documents.shape[1]
    q, d, t = queries[mine].clone().requires_grad_(), documents[mine].clone().requires_grad_(), temperature()
    LOSSES[name](q, d, t, [part[mine] for part in known]).backward()
    assert d.shape[1] == choices
    torch.testing.assert_close((q.grad / 2, d.grad / 2), tuple(part[mine] for part in expected), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_two_processes_give_the_gradient_of_the_dense_form_on_the_whole(name):
    queries, documents, known = double(8, 5), double(8, 3, 5), ids(8, 3)
    dense = {"rows": lambda: info_nce(queries, documents, 0.07, same_text(*known)),
             "symmetric": lambda: symmetric_info_nce(queries, documents[:, 0], 0.07)}[name]()
    expected = torch.autograd.grad(dense, (queries, documents))
    run_in_processes(2, in_part, name, queries.detach(), documents.detach(), known, expected)
