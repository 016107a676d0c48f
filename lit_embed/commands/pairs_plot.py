"""The similarities of related and unrelated pairs as two histograms over each other, a panel for each model."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from lit_embed.commands.similarity_of_pairs import groups_of
from lit_embed.files import write_beside

BINS = 40
COLORS = {"related": "#0072B2", "unrelated": "#E69F00", "pairs": "#0072B2"}        # Okabe and Ito's, told apart by everybody


def plot(file: str | Path, values: dict[str, np.ndarray], related: np.ndarray | None, found: dict[str, dict], measure: str) -> None:
    """values: (N,) of each model; related (N,) bool; found: the summary of each model."""
    figure = Figure(figsize=(6, 1 + 2.4 * len(values)), layout="constrained")
    panels = figure.subplots(len(values), sharex=True, squeeze=False)[:, 0]
    every = np.concatenate(list(values.values()))
    edges = np.linspace(every.min(), max(every.max(), every.min() + 0.001), BINS + 1)             # (BINS + 1,)
    for axes, (model, each) in zip(panels, values.items(), strict=True):
        for name, group in groups_of(each, related).items():
            axes.hist(group, edges, weights=np.full(len(group), 1 / len(group)), alpha=0.6, label=name, color=COLORS[name])
            axes.axvline(group.mean(), color=COLORS[name], linewidth=1)
        said = f"{model}: gap {found[model]['gap']:.3f}, AUC {found[model]['auc']:.3f}" if related is not None else model
        axes.set_title(said, fontsize=10)
        axes.set_ylabel("share of pairs")
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel(measure)
    panels[0].legend(frameon=False)
    with write_beside(file) as beside:
        figure.savefig(beside, format=Path(file).suffix[1:], dpi=150)
