"""Which rows of a pass are not finite, and in which module that began, with the dropout of the pass."""

import torch
from torch import nn

from lit_embed.callbacks.passes import Pass, Passes, bad_rows, first_bad_output


def toy_encoder() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 2))


def test_bad_rows_are_those_with_any_nan_or_infinity():
    x = torch.zeros(4, 2, 3)
    x[1, 0, 2], x[3, 1, 1] = torch.nan, -torch.inf
    assert bad_rows(x).tolist() == [False, True, False, True]


def test_passes_are_noted_only_while_a_batch_is_set_and_rows_of_the_gradient_with_them():
    encoder, batch = toy_encoder(), object()
    passes = Passes(encoder)
    encoder(torch.zeros(2, 3))
    passes.batch = batch
    x = torch.zeros(3, 3)
    x[1] = torch.inf
    (encoder(x) * torch.tensor([[torch.nan], [1.0], [1.0]])).sum().backward()
    (one,) = passes.take()
    assert one.batch is batch and one.inputs[0] is x and passes.take() == []
    assert one.bad.tolist() == [False, True, False] and one.bad_gradient.tolist() == [True, False, False]
    passes.close()
    encoder(x)
    assert passes.take() == []


def test_a_module_without_an_encoder_has_no_passes():
    passes = Passes(None)
    passes.batch = object()
    assert passes.take() == []
    passes.close()


class InfiniteWhereKept(nn.Module):
    """Overflows only where dropout kept the first unit."""

    def forward(self, x):
        return torch.where(x[:, :1] > 0, torch.inf, 1.0) * x


def test_the_first_module_is_found_by_drawing_the_same_dropout_again():
    encoder = nn.Sequential(nn.Identity(), nn.Dropout(0.5), InfiniteWhereKept(), nn.ReLU())
    encoder.register_parameter("weight", nn.Parameter(torch.zeros(1)))
    passes, x = Passes(encoder), torch.ones(1, 1)
    seen = set()
    for seed in range(6):
        torch.manual_seed(seed)
        passes.batch = object()
        encoder(x)
        passes.batch = None
        (one,) = passes.take()
        torch.manual_seed(99)
        before = torch.get_rng_state()
        assert first_bad_output(encoder, one) == ("2" if one.bad.any() else None)
        assert torch.equal(torch.get_rng_state(), before)          # the run's own numbers go on as they would have
        seen.add(bool(one.bad.any()))
    assert seen == {True, False}


def test_outputs_in_tuples_and_dictionaries_are_looked_into():
    class Wrapped(nn.Module):
        def forward(self, x):
            return {"hidden": (x, [x / 0])}, 3

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale, self.inner = nn.Parameter(torch.ones(1)), Wrapped()

        def forward(self, x):
            return self.inner(x)[0]["hidden"][1][0] * self.scale

    one = Pass(object(), (torch.ones(1, 2),), {"cpu": torch.get_rng_state()}, torch.tensor([True]))
    assert first_bad_output(Encoder(), one) == "inner"
