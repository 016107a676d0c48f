"""The histogram as a picture: with and without labels, of one model and of two, written whole."""

import numpy as np
import pytest

from lit_embed.commands.pairs_plot import plot
from lit_embed.commands.similarity_of_pairs import summary


@pytest.mark.parametrize("models", [["model"], ["base", "model"]])
@pytest.mark.parametrize("related", [None, np.array([True, False, True])])
def test_a_panel_for_each_model(models, related, tmp_path):
    values = {name: np.array([0.1, 0.5, 0.5]) for name in models}
    plot(tmp_path / "x.svg", values, related, {name: summary(each, related) for name, each in values.items()}, "cosine")
    assert (tmp_path / "x.svg").read_text().count("axes_") >= len(models) and len(list(tmp_path.iterdir())) == 1
