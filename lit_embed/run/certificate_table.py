"""A certificate for the eye: a line for each loss and way to run it, what the columns mean, and the verdict."""

import numpy as np
from rich import box
from rich.table import Table

from lit_embed.run.certificate import Comparison
from lit_embed.run.gradients import PRECISIONS

NOTES = """\
ratio and cosine: of this gradient and that of the whole batch in one pass of one process.
deviation: the largest, over parameters and the loss, relative to the parameter's own gradient (or to a tenth of the
  whole gradient, where that is more). May be {float32:g} in float32, where only the order of sums differs, and {bf16:g} in
  bf16, which rounds each part's gradient to 8 bits: most shows where parts cancel. A gather that loses the gradient of
  other processes' documents deviates by 0.1 and more.
dropout on: recomputed micro-batches against the same ones with activations kept, equal to the bit; elsewhere dropout is
  off, since parts draw other random numbers than the whole.
(in brackets): not judged, since it is another loss: a part of a batch has fewer texts to compare than the whole."""


def table(comparisons: list[Comparison]) -> Table:
    """A line for each loss and way, with the figures of both precisions; a deviation too large is marked."""
    lines: dict[tuple[str, str], list[str]] = {}
    for each in comparisons:
        found = each.difference
        deviation = f"({found.deviation:.1e})" if each.tolerance is None else f"{found.deviation:.1e}"
        line = lines.setdefault((each.loss.name, each.way.name), [])
        line += [f"{found.ratio:.6f}", f"{found.cosine:.6f}", deviation if each.holds else f"{deviation} !"]
    made = Table("loss", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    made.add_column("run", no_wrap=True)
    for precision in PRECISIONS:
        for name in ("ratio", "cosine", "deviation"):
            made.add_column(f"{precision}\n{name}", justify="right", no_wrap=True)
    before = None
    for (loss, way), figures in lines.items():
        made.add_row("" if loss == before else loss, way, *figures)
        before = loss
    return made


def verdict(comparisons: list[Comparison], world: int) -> str:
    """One line: how many comparisons hold, and the largest deviation in each precision."""
    judged = [each for each in comparisons if each.tolerance is not None]
    wrong = [each for each in judged if not each.holds]
    deviations = {precision: [each.difference.deviation for each in judged if each.precision == precision]
                  for precision in PRECISIONS}
    largest = ", ".join(f"{np.max(some):.1e} in {precision}" for precision, some in deviations.items())      # NaN if any is
    on = f"{len(judged)} comparisons on {world} processes, largest deviation {largest}"
    if not wrong:
        return f"verified: {on}"
    return f"deviates: {len(wrong)} of {on}; first: {wrong[0].loss.name}, {wrong[0].way.name}, {wrong[0].precision}"
