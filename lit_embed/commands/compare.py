"""`lit-embed compare`: the first step at which two runs differ, and in what.

    lit-embed compare checkpoints/today checkpoints/yesterday
    lit-embed compare checkpoints/one_gpu checkpoints/two_gpus --tolerance 1e-4

Reads the replay.csv of both, which the callback lit_embed.callbacks.Replay writes: the texts of each step's batch, its
loss and its gradient norm, exact to the bit. Then compares the weights of both model folders. Exit status 1 if anything
differs.
"""

import argparse
import math
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lit_embed.callbacks.replay import ReplayStep, read_replay
from lit_embed.commands.compared_weights import compare_weights
from lit_embed.errors import UserError
from lit_embed.run.arguments import one_line_parser

AROUND = 2                                          # steps shown before and after the first that differs
IN = {"texts": "the order of the data", "loss": "the loss", "gradient_norm": "the gradient norm"}
BECAUSE = {
    "texts": "other texts: another seed, other data, another batch size or number of processes",
    "loss": "same texts, another loss: the step before left other weights (learning rate, weight decay, clipping), or "
            "dropout, precision or code differ",
    "gradient_norm": "same texts and loss, another gradient: precision, kernels or threads of the backward pass",
}


def run(arguments: list[str]) -> None:
    """arguments: "compare" and its options, as typed."""
    options = parser().parse_args(arguments[1:])
    if not 0 <= options.tolerance < 1:
        raise UserError(f"--tolerance {options.tolerance}: give a share from 0 to below 1, such as 1e-4")
    runs = Path(options.run_a), Path(options.run_b)
    steps = read_replay(runs[0]), read_replay(runs[1])
    for name, folder, found in zip("AB", runs, steps, strict=True):
        print(f"{name}: {folder}, {_extent(found)}")
    step = first_difference(*steps, options.tolerance)
    print(sentence(step, *steps, options.tolerance))
    if step is not None:
        Console(width=130).print(surroundings(step, *steps, options.tolerance))
    same = same_weights(*runs, options.tolerance)
    if step is not None or not same:
        raise SystemExit(1)


def parser() -> argparse.ArgumentParser:
    made = one_line_parser("compare", __doc__)
    made.add_argument("run_a", metavar="RUN_A", help="folder of a run")
    made.add_argument("run_b", metavar="RUN_B", help="folder of another")
    made.add_argument("--tolerance", type=float, default=0.0,
                      help="share by which loss, gradient norm and weights may differ (default: 0, not by a bit)")
    return made


def first_difference(first: dict[int, ReplayStep], second: dict[int, ReplayStep], tolerance: float) -> int | None:
    """The first step that only one run has, or in which they differ; None if there is none."""
    return next((step for step in sorted(first.keys() | second.keys())
                 if step not in first or step not in second or differs_in(first[step], second[step], tolerance)), None)


def differs_in(first: ReplayStep, second: ReplayStep, tolerance: float) -> list[str]:
    """Which of texts, loss and gradient_norm are not the same, the cause before its consequences."""
    apart = [name for name in ("loss", "gradient_norm")
             if not _same(getattr(first, name), getattr(second, name), tolerance)]
    return ["texts"] * (first.texts != second.texts) + apart


def _same(first: float, second: float, tolerance: float) -> bool:
    return math.isnan(first) and math.isnan(second) or math.isclose(first, second, rel_tol=tolerance)


def sentence(step: int | None, first: dict[int, ReplayStep], second: dict[int, ReplayStep], tolerance: float) -> str:
    within = f" within {tolerance:g}" if tolerance else " to the bit"
    if step is None:
        return f"all {len(first)} steps are equal{within}: the same texts, losses and gradient norms"
    before = sum(other < step for other in first.keys() & second.keys())
    equal = f"{before} step{'s' * (before != 1)} before it {'are' if before != 1 else 'is'} equal{within}"
    if step not in first or step not in second:
        return f"step {step} is only in {'A' if step in first else 'B'}; {equal}"
    found = differs_in(first[step], second[step], tolerance)
    what = ", ".join(IN[name] for name in found)
    return f"step {step} is the first that differs, in {what}; {equal}\n{BECAUSE[found[0]]}"


def surroundings(step: int, first: dict[int, ReplayStep], second: dict[int, ReplayStep], tolerance: float) -> Table:
    """The steps around the first that differs, both runs beside each other; what differs is marked."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("step", "epoch", "texts A", "texts B", "loss A", "loss B", "gradient norm A", "gradient norm B"):
        table.add_column(name, justify="right" if name in ("step", "epoch") else "left", no_wrap=True)
    for number in range(step - AROUND, step + AROUND + 1):
        pair = first.get(number), second.get(number)
        if pair == (None, None):
            continue
        apart = differs_in(*pair, tolerance) if None not in pair else []
        cells = [f"{_cell(each, name)}{' *' * (name in apart)}" for name in IN for each in pair]
        epochs = dict.fromkeys(str(each.epoch) for each in pair if each)
        table.add_row(f"{'> ' * (number == step)}{number}", "/".join(epochs), *cells)
    return table


def _cell(step: ReplayStep | None, name: str) -> str:
    value = "-" if step is None else getattr(step, name)
    return f"{value:.9g}" if isinstance(value, float) else value


def same_weights(first: Path, second: Path, tolerance: float) -> bool:
    """Whether the model folders of two runs are the same, said in a line; what is not there cannot differ."""
    if without := [str(run) for run in (first, second) if not (run / "model").is_dir()]:
        print(f"weights: not compared, since {' and '.join(without)} {'have' if len(without) > 1 else 'has'} no model/")
        return True
    found = compare_weights(first / "model", second / "model", tolerance)
    print(found)
    return not found.different


def _extent(steps: dict[int, ReplayStep]) -> str:
    return f"steps {min(steps)} to {max(steps)}" if steps else "no step"
