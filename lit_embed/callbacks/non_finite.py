"""Where did the first NaN or infinity come from? One line: the step, the text, the tensor."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy
from torch import Tensor

from lit_embed.batches import PairBatch, text_ids
from lit_embed.callbacks.passes import Pass, first_bad_output
from lit_embed.distributed import gather, world_size
from lit_embed.errors import UserError

LONGEST = 200            # letters of a text that are shown
LINE = 2_000             # bytes of a line that are shared with the other processes


@dataclass(frozen=True)
class Step:
    """What is known of an optimizer step just before it is taken.

    number   the first of a run is 1
    losses   () of each micro-step
    names    of the P parameters that have a gradient; none where a loss scaler looks after gradients
    norms    (P,)
    passes   of the encoder, of all micro-steps
    """

    number: int
    losses: list[Tensor]
    names: list[str]
    norms: Tensor
    passes: list[Pass]

    def bad(self, device: torch.device) -> Tensor:
        """1.0 if a loss or a gradient of any process is not finite, else 0.0; the same on all processes.  -> ()"""
        # NaN and infinity survive a sum.
        total = torch.stack(self.losses).float().sum() + self.norms.to(device).sum()
        return gather((~total.isfinite()).float().reshape(1)).amax()


def explain(trainer: pl.Trainer, module: pl.LightningModule, step: Step) -> str:
    """What went wrong first in a step that is bad; all processes must call this, and all get the same line."""
    line = torch.zeros(LINE, dtype=torch.uint8)
    said = _on_this_process(trainer, module, step).encode("utf8", "replace")[:LINE]
    line[:len(said)] = torch.frombuffer(bytearray(said), dtype=torch.uint8)
    lines = [bytes(row.tolist()).rstrip(b"\0").decode("utf8", "ignore") for row in gather(line.to(module.device)[None])]
    # A text that is to blame on one process spoils the losses of all: the earlier cause speaks for all of them.
    process, cause = min(enumerate(lines), key=lambda each: each[1][0])
    where = f", on process {process}" if world_size() > 1 else ""
    return f"step {step.number}{where}: {cause[1:]}"


def _on_this_process(trainer: pl.Trainer, module: pl.LightningModule, step: Step) -> str:
    """A digit for how early in the step the cause lies, and the cause."""
    spoiled = [name for name, parameter in module.named_parameters() if not parameter.isfinite().all()]
    weights = f"the parameter {spoiled[0]}{_more(len(spoiled))}, which was so before this step" if spoiled else ""
    for one in step.passes:
        if one.bad.any():
            first = weights or _first_output(trainer, module, one)
            return f"1{_row(trainer, one, one.bad)}; the first tensor that is not finite is {first}"
    if weights:
        return f"2the first tensor that is not finite is {weights}"
    for loss in step.losses:
        if not loss.isfinite():
            finite = ", though all that the encoder gave it is finite" if step.passes else ""
            return f"3the loss is {loss.item()}{finite}: the first tensor that is not finite is the output of loss"
    for one in step.passes:
        if one.bad_gradient is not None and one.bad_gradient.any() and step.names:
            row = _row(trainer, one, one.bad_gradient, "gradient of the ")
            return f"4the loss is finite, but not its gradient: {row}"
    if bad := [name for name, norm in zip(step.names, step.norms.tolist(), strict=True) if not norm < float("inf")]:
        # Backward goes from the last layer to the first.
        return f"5the loss is finite, but not its gradient: the first tensor is that of {bad[-1]}{_more(len(bad))}"
    return "6every tensor of this process is finite"


def _more(count: int) -> str:
    return f" (and {count - 1} more)" if count > 1 else ""


def _first_output(trainer: pl.Trainer, module: pl.LightningModule, one: Pass) -> str:
    # One process repeats the pass alone, which parameters that are spread over processes do not allow.
    if world_size() > 1 and not isinstance(trainer.strategy, DDPStrategy):
        return "in the encoder"
    with trainer.precision_plugin.forward_context():
        name = first_bad_output(module.encoder, one)
    if name is None:
        return "the output of the encoder (not again when it is repeated with the weights of now)"
    return f"the output of {'.'.join(filter(None, ['encoder', name]))}"


def _row(trainer: pl.Trainer, one: Pass, bad: Tensor, before: str = "") -> str:
    row, count, total = int(bad.nonzero()[0]), int(bad.sum()), len(bad)
    name, ids = _name(one.batch, row, total)
    texts = [_text(trainer, identity) for identity in ids]
    others = f" ({count} of {total} rows of this batch are not)" if count > 1 else ""
    return f"the {before}{name} is not finite{others}: {' and '.join(texts)}".rstrip(": ")


def _name(batch: PairBatch, row: int, total: int) -> tuple[str, list[int]]:
    """What a row of the encoder's output is called, and the identities of its texts."""
    queries, documents = len(batch), batch.document_ids.flatten()
    if total == len(documents):                                            # a cross-encoder
        pair = row // batch.document_ids.shape[1]
        return f"score of pair {row + 1} of {total}", [int(batch.query_ids[pair]), int(documents[row])]
    if total != queries + len(documents):
        return f"row {row + 1} of {total} of the encoder's output", []
    if row < queries:
        return f"embedding of query {row + 1} of {queries}", [int(batch.query_ids[row])]
    return f"embedding of document {row - queries + 1} of {len(documents)}", [int(documents[row - queries])]


def _training_texts(data: pl.LightningDataModule | None) -> Iterator[list[str]]:
    """Every column of texts of the data, or of each set of a mixture; of a stream there is none at hand."""
    for each in getattr(data, "sets", {"": data}).values():
        if hasattr(each, "rows"):
            with suppress(UserError):
                rows = each.rows("train")
                yield from (rows.queries, *rows.documents)


def _text(trainer: pl.Trainer, identity: int) -> str:
    """The training text with this identity, from the data module's rows; its identity where they do not have it."""
    for column in _training_texts(trainer.datamodule):
        found = (torch.from_numpy(text_ids(column).copy()) == identity).nonzero()
        if len(found):
            text = " ".join(column[int(found[0])].split())
            return f"'{text}'" if len(text) <= LONGEST else f"'{text[:LONGEST]} …'"
    return f"the text with the identity {identity}"
