"""The certificate: every loss, every way to run it, here and over processes, each held against a single pass."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torch import nn

from lit_embed.batches import PairBatch
from lit_embed.run.gradients import PRECISIONS, Difference, difference, gradient
from lit_embed.run.messages import quiet
from lit_embed.run.processes import Processes
from lit_embed.run.random_batch import random_batch
from lit_embed.run.ways import Loss, Way, ways

ROWS = 4             # of each process


@dataclass(frozen=True)
class Comparison:
    """How a way to run the batch compares with its reference.

    tolerance   the deviation that rounding explains; None: another loss by design, shown and not judged
    """

    loss: Loss
    way: Way
    precision: str
    difference: Difference
    tolerance: float | None

    @property
    def holds(self) -> bool:
        return self.tolerance is None or self.difference.deviation <= self.tolerance      # False for NaN


def compare_all(losses: list[Loss], model: str, world: int, tolerances: dict[str, float],
                timeout: float = 60.0) -> Iterator[Comparison]:
    """Every comparison as soon as it is made.

    model        folder, opened anew by every process
    world        processes; all come to an end with the iterator, whatever happens
    tolerances   by precision
    timeout      seconds in which the processes must come up with the next gradient

    Raises
        UserError   a process failed, died or hangs
    """
    imports = {work.__module__, *(loss.value.__module__ for loss in losses)}
    with Processes(world, work, (losses, model, world), timeout, tuple(imports)) as processes:
        for loss in losses:
            module, batch = _ready(loss, model, world)
            for precision in PRECISIONS:
                references = {}
                for way in ways(loss, world):
                    if way.reference not in references:
                        references[way.reference] = gradient(loss, module, batch, way.reference, precision)
                    found = processes.next_report() if way.shared else gradient(loss, module, batch, way, precision)
                    yield Comparison(loss, way, precision, difference(found, references[way.reference]),
                                     _tolerance(loss, way, tolerances[precision]))


def work(rank: int, report: Callable, losses: list[Loss], model: str, world: int) -> None:
    """What each of the processes does: the same batches as above, shared; the first reports."""
    quiet()
    for loss in losses:
        module, batch = _ready(loss, model, world)
        for precision in PRECISIONS:
            for way in ways(loss, world):
                if way.shared:
                    found = gradient(loss, module, batch, way, precision)
                    if rank == 0:
                        report(found)


def _ready(loss: Loss, model: str, world: int) -> tuple[nn.Module, PairBatch]:
    module = loss.module(model)
    return module, random_batch(ROWS * world, loss.choices, loss.labels, module.encoder.backbone.config.vocab_size)


def _tolerance(loss: Loss, way: Way, rounding: float) -> float | None:
    if way.dropout:
        return 0.0                        # recomputed or kept, the very same numbers are computed in the same order
    return rounding if loss.mean_over_rows or way.parts == 1 else None
