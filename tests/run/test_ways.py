"""Every way has one name; what accumulates rows that see each other is another loss."""

import pytest

from lit_embed.run.ways import ONE_PASS, Loss, ways


@pytest.mark.parametrize("mean_over_rows, chunked, count", [(True, False, 6), (False, True, 7)])
def test_ways_are_told_apart_by_their_names(mean_over_rows, chunked, count):
    loss = Loss("a loss", None, None, mean_over_rows=mean_over_rows, chunked=chunked)
    names = [way.name for way in ways(loss, 4)]
    assert len(names) == len(set(names)) == count
    assert ("chunks" in names) == chunked
    assert ("4 processes, accumulated" in names) == mean_over_rows


def test_dropout_is_held_against_the_same_parts_and_all_else_against_one_pass():
    for way in ways(Loss("a loss", None, None), 2):
        reference = way.reference
        if way.dropout:
            assert (reference.max_tokens, reference.dropout, reference.recomputed) == (way.max_tokens, True, False)
        else:
            assert reference == ONE_PASS
