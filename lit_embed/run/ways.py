"""Every way to run one batch of one loss: the losses and the executions that a certificate compares, as data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from torch import Tensor, nn

from lit_embed.batches import PairBatch


@dataclass(frozen=True)
class Loss:
    """A loss and the module that is trained with it.

    module           folder of a model -> module with .encoder and .loss
    value            module, batch -> ()
    labels           of the batch: "none", "scores", "classes" or "teacher"
    choices          C
    mean_over_rows   no row sees another, so that the mean over parts is the mean over the whole
    chunked          it can hold its similarities a few rows at a time
    """

    name: str
    module: Callable[[str], nn.Module]
    value: Callable[[nn.Module, PairBatch], Tensor]
    labels: str = "none"
    choices: int = 3
    mean_over_rows: bool = True
    chunked: bool = False


@dataclass(frozen=True)
class Way:
    """One way to run a batch.

    shared       over all processes, each with its share of the rows, under DistributedDataParallel
    max_tokens   of a micro-batch; None: all in one pass
    recomputed   the activations of micro-batches are dropped and made again in backward, as in training; else kept
    chunk        rows of similarities held at a time; None: all
    parts        one after the other, their gradients added up
    dropout      on, with the same random numbers each time
    """

    name: str
    shared: bool = False
    max_tokens: int | None = None
    recomputed: bool = True
    chunk: int | None = None
    parts: int = 1
    dropout: bool = False

    @property
    def reference(self) -> "Way":
        """What it must equal: the whole batch in one pass of one process.

        Dropout falls differently on parts than on the whole, so there recomputing is held against keeping.
        """
        return replace(self, recomputed=False) if self.dropout else ONE_PASS


ONE_PASS = Way("one pass")


def ways(loss: Loss, world: int) -> Iterator[Way]:
    """Every way to run a batch of this loss, those of one process first."""
    over, chunk = f"{world} processes", 3 if loss.chunked else None
    yield Way("micro-batches", max_tokens=40)
    yield Way("micro-batches, dropout on", max_tokens=40, dropout=True)
    if chunk:
        yield Way("chunks", chunk=chunk)
    yield Way("accumulated", parts=2)
    yield Way(over, shared=True)
    yield Way(f"{over}, micro-batches", shared=True, max_tokens=40)
    if chunk:
        yield Way(f"{over}, micro-batches, chunks", shared=True, max_tokens=40, chunk=chunk)
    if loss.mean_over_rows:
        yield Way(f"{over}, accumulated", shared=True, parts=2)
