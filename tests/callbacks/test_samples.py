"""What an evaluation shows is spread over it, and only what was found."""

import numpy as np
import pytest

from lit_embed.callbacks.samples import samples, spread


@pytest.mark.parametrize("count, expected", [(0, []), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (60, [10, 30, 50])])
def test_samples_are_spread_evenly(count, expected):
    assert spread(count) == expected


def test_a_sample_has_the_first_passages_and_no_more_than_were_found():
    nearest = np.array([[2, 0, 1, 3], [3, -1, -1, -1], [-1, -1, -1, -1]])
    relevance = np.array([[False, True, False, True], [True, False, False, False], [False] * 4])
    assert samples(["x", "y", "z"], list("abcd"), nearest, relevance) == [
        {"question": "x", "found": ["c", "a", "b"], "right": [False, True, False]},
        {"question": "y", "found": ["d"], "right": [True]}, {"question": "z", "found": [], "right": []}]
