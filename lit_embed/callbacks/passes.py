"""What the encoder was given in a training step, and which rows came out as NaN or infinity; noted without waiting."""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from lit_embed.batches import PairBatch


@dataclass
class Pass:
    """One call of the encoder, with what it takes to repeat it.

    inputs         what it was called with
    random         the states of the generators before
    bad            (N,) bool: which rows of its output are not finite
    bad_gradient   (N,) bool: the same of the output's gradient; None before backward
    """

    batch: PairBatch
    inputs: tuple
    random: dict[str, Tensor] = field(repr=False)
    bad: Tensor
    bad_gradient: Tensor | None = None

    def see_gradient(self, gradient: Tensor) -> None:
        self.bad_gradient = bad_rows(gradient)


class Passes:
    """Notes every call of `encoder` while a batch is set; None notes nothing, for modules that have no encoder."""

    def __init__(self, encoder: nn.Module | None):
        self.encoder, self.batch, self.noted = encoder, None, []
        self._random: dict[str, Tensor] = {}
        self._hooks = [] if encoder is None else [encoder.register_forward_pre_hook(self._before),
                                                  encoder.register_forward_hook(self._after)]

    def take(self) -> list[Pass]:
        """The passes since the last call."""
        noted, self.noted = self.noted, []
        return noted

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()

    def _before(self, encoder: nn.Module, inputs: tuple) -> None:
        if self.batch is not None:
            self._random = _random_state(_device(encoder))

    def _after(self, encoder: nn.Module, inputs: tuple, output: Tensor) -> None:
        if self.batch is None:
            return
        one = Pass(self.batch, inputs, self._random, bad_rows(output))
        if output.requires_grad:
            output.register_hook(one.see_gradient)
        self.noted.append(one)


def bad_rows(x: Tensor) -> Tensor:
    """(N, ...) -> (N,) bool, True where a row has a NaN or an infinity."""
    return ~x.detach().isfinite().flatten(1).all(dim=1)


def first_bad_output(encoder: nn.Module, one: Pass) -> str | None:
    """The name within `encoder` of the first module whose output is not finite when the pass is repeated, or None.

    The same dropout is drawn again, so the weights of the pass give the same numbers. "" is the encoder itself.
    """
    found: list[str] = []

    def look(name: str):
        def hook(_: nn.Module, __: tuple, output: object) -> None:
            if not found and not _finite(output):
                found.append(name)
        return hook

    hooks = [part.register_forward_hook(look(name)) for name, part in encoder.named_modules()]
    device = _device(encoder)
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad():
            torch.set_rng_state(one.random["cpu"])
            if "cuda" in one.random:
                torch.cuda.set_rng_state(one.random["cuda"], device)
            encoder(*one.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return found[0] if found else None


def _finite(output: object) -> bool:
    if isinstance(output, Tensor):
        return not output.is_floating_point() or bool(output.isfinite().all())
    if isinstance(output, dict):                    # what Hugging Face's models return is one too
        output = list(output.values())
    return all(_finite(part) for part in output) if isinstance(output, list | tuple) else True


def _device(encoder: nn.Module) -> torch.device:
    return next(encoder.parameters()).device


def _random_state(device: torch.device) -> dict[str, Tensor]:
    # A GPU's generator keeps its state on the host: asking for it waits for nothing.
    cuda = {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else {}
    return {"cpu": torch.get_rng_state()} | cuda
