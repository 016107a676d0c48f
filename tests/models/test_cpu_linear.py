"""Products by oneDNN are torch's own, in value and gradient, however the layer is used."""

import copy

import pytest
import torch
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertIntermediate

from lit_embed.models import cpu_linear
from lit_embed.models.cpu_linear import FEW, prepared, with_fast_linear

ONEDNN = pytest.mark.skipif(not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")),
                            reason="this torch has no oneDNN")


@pytest.fixture
def pair(monkeypatch):
    """torch's layer and ours with equal parameters; ours takes oneDNN whatever the processor."""
    monkeypatch.setattr(cpu_linear, "onednn_is_faster", lambda: True)
    torch.manual_seed(0)
    plain = nn.Linear(24, 40)
    return plain, with_fast_linear(nn.Sequential(copy.deepcopy(plain)))[0]


@ONEDNN
@pytest.mark.parametrize("shape", [(FEW, 24), (100, 24), (1, 77, 24), (5, 6, 7, 24)])
@pytest.mark.parametrize("bias", [True, False])
def test_values_and_gradients_are_torchs(pair, shape, bias):
    for layer in () if bias else pair:
        layer.bias = None
    x = torch.randn(shape)
    upstream = torch.randn(*shape[:-1], 40)
    found = []
    for layer in pair:
        own = x.clone().requires_grad_()
        out = layer(own)
        found.append([out, *torch.autograd.grad(out, [own, *layer.parameters()], upstream)])
    for right, got in zip(*found, strict=True):
        torch.testing.assert_close(got, right, rtol=1e-5, atol=1e-5)
        assert got.is_contiguous()
    assert "_Linear" in type(found[1][0].grad_fn.next_functions[0][0]).__name__           # oneDNN did compute it


@ONEDNN
def test_an_expanded_gradient_and_a_transposed_input(pair):
    x = torch.randn(24, 50).t()
    gradients = []
    for layer in pair:
        layer(x).sum().backward()
        gradients.append([layer.weight.grad, layer.bias.grad])
    torch.testing.assert_close(gradients[1], gradients[0], rtol=1e-5, atol=1e-5)


@ONEDNN
@pytest.mark.parametrize("frozen", ["weight", "bias"])
def test_what_is_frozen_gets_no_gradient(pair, frozen):
    _, ours = pair
    getattr(ours, frozen).requires_grad_(False)
    ours(torch.randn(30, 24)).sum().backward()
    assert (ours.weight.grad is None) == (frozen == "weight") and (ours.bias.grad is None) == (frozen == "bias")


@pytest.mark.parametrize("rows", [0, 1, FEW - 1])
def test_few_rows_and_other_precisions_are_left_to_torch(pair, rows):
    plain, ours = pair
    x = torch.randn(rows, 24)
    assert torch.equal(ours(x), plain(x))
    many = torch.randn(60, 24)
    assert torch.equal(ours.double()(many.double()), plain.double()(many.double()))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ours.float()(many), plain.float()(many))


def test_weights_in_bf16_are_left_to_torch_with_and_without_a_gradient(pair):
    plain, ours = (layer.bfloat16() for layer in pair)
    x, found = torch.randn(60, 24).bfloat16(), []
    for layer in (plain, ours):
        out = layer(x)
        found.append([out, *torch.autograd.grad(out.float().square().sum(), layer.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True)) and found[1][0].dtype == torch.bfloat16
    with torch.no_grad(), prepared(ours, torch.float32), prepared(ours, torch.bfloat16):
        assert ours.ready is None and torch.equal(ours(x), plain(x))


def test_it_stays_a_linear_layer_for_those_who_ask(pair):
    plain, ours = pair
    assert isinstance(ours, nn.Linear) and list(ours.state_dict()) == list(plain.state_dict())

    class Own(nn.Linear):
        pass

    assert type(with_fast_linear(nn.Sequential(Own(3, 3)))[0]) is Own                     # its forward may be another


@ONEDNN
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_prepared_weights_give_the_same_and_are_forgotten(pair, dtype):
    plain, ours = pair
    x = torch.randn(2, 70, 24)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        expected = plain(x)
        with prepared(ours, dtype):
            assert ours.ready is not None
            out = ours(x)
            torch.testing.assert_close(out, expected, rtol=1e-2 if dtype == torch.bfloat16 else 1e-5, atol=1e-5)
            assert out.dtype == dtype
            with torch.enable_grad():
                assert ours(x).requires_grad                                              # training takes the weights themselves
    assert ours.ready is None


@ONEDNN
def test_prepared_weights_are_forgotten_after_an_error(pair):
    _, ours = pair
    with pytest.raises(RuntimeError, match="shape"), torch.no_grad(), prepared(ours, torch.float32):
        ours(torch.randn(20, 23))
    assert ours.ready is None
    with torch.no_grad():
        ours.weight.mul_(2)                                                               # and a changed weight is seen
        torch.testing.assert_close(ours(torch.eye(24)) - ours.bias, ours.weight.t(), rtol=1e-5, atol=1e-5)


def test_the_makers_own_processors_keep_mkl(monkeypatch):
    monkeypatch.setattr(cpu_linear, "vendor", lambda: "vendor_id : GenuineIntel")
    cpu_linear.onednn_is_faster.cache_clear()
    try:
        assert not cpu_linear.onednn_is_faster()
    finally:
        cpu_linear.onednn_is_faster.cache_clear()


@ONEDNN
@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_a_feed_forward_layers_activation_runs_with_its_product(monkeypatch, activation):
    monkeypatch.setattr(cpu_linear, "onednn_is_faster", lambda: True)
    layer = BertIntermediate(BertConfig(hidden_size=24, intermediate_size=40, hidden_act=activation)).eval()
    x, before = torch.randn(1, 60, 24), layer.intermediate_act_fn
    with torch.no_grad():
        expected = layer(x)
        with prepared(with_fast_linear(layer), torch.float32):
            assert isinstance(layer.intermediate_act_fn, nn.Identity) == (activation == "gelu")
            torch.testing.assert_close(layer(x), expected, rtol=1e-5, atol=1e-5)
    assert layer.intermediate_act_fn is before
