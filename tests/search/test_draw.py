import numpy as np

from lit_embed.search.draw import draw_others, mix


def slow_mix(x: int) -> int:
    """SplitMix64 in whole numbers, cut at 64 bits."""
    cut = 2**64 - 1
    x = (x + 0x9E3779B97F4A7C15) & cut
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & cut
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & cut
    return x ^ (x >> 31)


def test_mixing_is_splitmix64():
    numbers = [0, 1, 2, 2**63, 2**64 - 1]
    assert mix(np.array(numbers, dtype=np.uint64)).tolist() == [slow_mix(x) for x in numbers]
    assert slow_mix(0) == 0xE220A8397B1DCDAF                # what the published program prints first for seed 0


def test_draws_are_even_and_never_repeat():
    rows = np.arange(40_000)
    own = rows % 5
    drawn = draw_others(1, 2, rows, own, total=5, count=3)                         # (40000, 3)
    together = np.concatenate([own[:, None], drawn], axis=1)
    assert all(len(set(row)) == 4 for row in together.tolist())
    for mine in range(5):
        counts = np.bincount(drawn[own == mine].ravel(), minlength=5)
        assert counts[mine] == 0 and abs(counts[counts > 0] - 6000).max() < 200    # five standard deviations


def test_the_first_draws_stay_the_same_however_many_follow():
    rows, own = np.array([3, -(2**62), 8]), np.array([0, 4, 2])
    few, many = (draw_others(7, 0, rows, own, total=9, count=count) for count in (2, 8))
    np.testing.assert_array_equal(few, many[:, :2])
    assert [sorted(row) for row in many.tolist()] == [[x for x in range(9) if x != mine] for mine in own]
    assert draw_others(7, 0, rows, own, total=9, count=0).shape == (3, 0)
