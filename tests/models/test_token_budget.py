"""The tokens of one pass: a fixed number on a CPU, what free memory holds on a GPU."""

from types import SimpleNamespace

import pytest
import torch
from transformers import BertConfig, BertModel

from lit_embed.models.token_budget import IN_CACHE, LEAST, ON_CPU, SHARE, fitting, missing, token_budget, tokens_of_a_pass

BASE = SimpleNamespace(hidden_size=768, num_hidden_layers=12, intermediate_size=3072)


def test_a_cpu_takes_a_fixed_number():
    assert token_budget(torch.nn.Linear(2, 2), torch.device("cpu")) == ON_CPU


def test_a_base_model_keeps_thirty_four_bytes_a_layer_and_unit():
    tokens = fitting(10 * 10**9, BASE, 2)
    used = tokens * 12 * 768 * 34
    assert SHARE * 10**10 - 1024 * 12 * 768 * 34 < used <= SHARE * 10**10
    assert fitting(10 * 10**9, BASE, 4) == pytest.approx(tokens / 2, abs=1024)


def test_layers_that_compute_again_keep_their_input_and_one_of_them_all():
    tokens = fitting(10 * 10**9, BASE, 2, again=True)
    used = tokens * 768 * (12 * 2 + 34)
    assert SHARE * 10**10 - 1024 * 768 * 58 < used <= SHARE * 10**10


@pytest.mark.parametrize("free", [-5, 0, 1000])
def test_a_full_gpu_still_does_something(free):
    assert fitting(free, BASE, 2) == LEAST


def test_a_little_less_memory_is_the_same_run():
    assert fitting(10 * 10**9, BASE, 2) == fitting(10 * 10**9 - 10**6, BASE, 2)


def test_activations_of_a_real_layer_are_about_what_the_formula_says():
    """Counted by what autograd saves in a BERT of base shape, attention matrix aside."""
    config = BertConfig(hidden_size=96, num_hidden_layers=2, num_attention_heads=3, intermediate_size=384, vocab_size=50)
    model, saved = BertModel(config, add_pooling_layer=False), {}
    parameters = {p.untyped_storage().data_ptr() for p in model.parameters()}

    def pack(x):
        if x.untyped_storage().data_ptr() not in parameters:
            saved[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    ids = torch.randint(0, 50, (64, 4))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        model(ids)
    counted = sum(saved.values()) / ids.numel()                                           # bytes a token
    formula = config.num_hidden_layers * config.hidden_size * 17 * 4
    assert 0.5 < counted / formula < 1.5


def test_optimizer_states_and_gradients_are_kept_free():
    layer = torch.nn.Linear(10, 10)
    assert missing(layer) == 3 * 4 * 110
    layer(torch.randn(1, 10)).sum().backward()
    assert missing(layer) == 2 * 4 * 110
    layer.weight.requires_grad_(False)
    assert missing(layer) == 2 * 4 * 10


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_gpu_is_asked():
    model = BertModel(BertConfig(num_hidden_layers=2)).cuda()
    assert token_budget(model, torch.device("cuda")) > ON_CPU


def test_what_was_asked_for_comes_before_what_there_is_room_for(monkeypatch):
    asked = []
    monkeypatch.setattr("lit_embed.models.token_budget.token_budget", lambda *_: asked.append(1) or 77)
    encoder = torch.nn.Module()
    encoder.backbone, encoder.device, encoder.max_tokens = torch.nn.Linear(1, 1), torch.device("cuda"), 5
    assert tokens_of_a_pass(encoder, 100) == 5 and not asked
    encoder.max_tokens = None
    assert [tokens_of_a_pass(encoder, 100) for _ in range(3)] == [77] * 3 and len(asked) == 1


def test_a_cpu_takes_small_passes_where_one_does_not_do():
    encoder = torch.nn.Module()
    encoder.backbone, encoder.device, encoder.max_tokens = torch.nn.Linear(1, 1), torch.device("cpu"), None
    assert tokens_of_a_pass(encoder, ON_CPU) == ON_CPU and tokens_of_a_pass(encoder, ON_CPU + 1) == IN_CACHE
    encoder.max_tokens = 50_000
    assert tokens_of_a_pass(encoder, ON_CPU + 1) == 50_000
