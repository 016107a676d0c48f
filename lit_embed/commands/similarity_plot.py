"""A matrix of similarities as a heat map, with the sentences beside it where a font can write them."""

from pathlib import Path

import numpy as np
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font

from lit_embed.files import write_beside

LABEL = 48          # characters of a sentence beside the plot


def plot(file: str | Path, sentences: list[str], values: np.ndarray, title: str) -> bool:
    """sentences: N; values (N, N).  -> False where no installed font can write them and numbers stand in their place"""
    labels = [f"{number}  {_short(sentence)}" for number, sentence in enumerate(sentences, 1)]
    font = font_for("".join(labels))
    numbers = [str(number) for number in range(1, len(sentences) + 1)]
    others = values[~np.eye(len(values), dtype=bool)]       # what colours must tell apart; a text is always like itself
    size = 2 + 0.5 * len(sentences)
    figure = Figure(figsize=(size + 1, size))
    axes = figure.add_subplot(title=title, facecolor="lightgrey")
    shown = np.where(np.eye(len(values), dtype=bool), np.nan, values)
    image = axes.imshow(shown, cmap="YlOrRd", vmin=others.min(), vmax=others.max())
    figure.colorbar(image, ax=axes, shrink=0.8)
    axes.set_xticks(range(len(numbers)), numbers)
    axes.set_yticks(range(len(numbers)))
    axes.set_yticklabels(labels if font else numbers, fontfamily=font, parse_math=False)    # a $ is a dollar
    _write_numbers(axes, values, dark=(others.min() + others.max()) / 2)
    with write_beside(file) as beside:
        figure.savefig(beside, format=Path(file).suffix[1:], dpi=150, bbox_inches="tight")
    return font is not None


def _write_numbers(axes, values: np.ndarray, dark: float) -> None:
    for (row, column), value in np.ndenumerate(values):
        text = f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
        color = "white" if value > dark and row != column else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=color)


def _short(sentence: str) -> str:
    line = " ".join(sentence.split())
    return line if len(line) <= LABEL else line[: LABEL - 3] + "..."


def font_for(text: str) -> str | None:
    """The family of an installed font with every letter of `text`, matplotlib's own first; None if there is none."""
    default = font_manager.findfont(font_manager.FontProperties())
    installed = [entry.fname for entry in font_manager.fontManager.ttflist
                 if entry.style == "normal" and not entry.name.startswith("Last Resort")]     # that one draws boxes
    wanted = {ord(letter) for letter in text}
    for file in dict.fromkeys([default, *installed]):
        font = FT2Font(file)
        if wanted <= font.get_charmap().keys():
            return font.family_name
    return None
