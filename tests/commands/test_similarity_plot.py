"""The picture of a matrix: written whole, without a warning, and without boxes where no font has the letters."""

import numpy as np
import pytest
from matplotlib import font_manager

from lit_embed.commands import similarity_plot
from lit_embed.commands.similarity_plot import font_for, plot

VALUES = np.array([[1.0, 0.7], [0.7, 1.0]])


@pytest.mark.parametrize(("name", "start"), [("x.png", b"\x89PNG"), ("x.pdf", b"%PDF"), ("x.svg", b"<?xml")])
def test_the_name_says_the_format(tmp_path, name, start):
    assert plot(tmp_path / name, ["costs $5 and $6", "a {\\frac} b"], VALUES, "cosine") is True
    assert (tmp_path / name).read_bytes().startswith(start) and len(list(tmp_path.iterdir())) == 1


def test_letters_that_no_font_has_become_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(similarity_plot, "font_for", lambda text: None)
    assert plot(tmp_path / "x.png", ["오늘 날씨", "새 자동차"], VALUES, "cosine") is False
    assert (tmp_path / "x.png").is_file()


def test_a_font_is_taken_only_if_it_has_every_letter():
    assert font_for("plain letters: é, ß") == "DejaVu Sans"
    assert font_for("plain and \U0010fffe") is None            # a code that no font may have, but one that draws boxes


def test_another_installed_font_is_found(monkeypatch):
    """Cyrillic is missing in the mathematical fonts that come with matplotlib, but not in its default."""
    default = font_manager.findfont(font_manager.FontProperties())
    poor = next(entry.fname for entry in font_manager.fontManager.ttflist if entry.name == "STIXSizeOneSym")
    monkeypatch.setattr(font_manager, "findfont", lambda properties: poor)
    assert "ttf" in default and font_for("погода") is not None
