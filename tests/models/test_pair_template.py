"""Cut as the Rust tokenizers cut, to the token; laid out as a loop over pairs would lay them out."""

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from lit_embed.batches import Tokens
from lit_embed.models.pair_template import PairTemplate, longest_first

TEMPLATE = PairTemplate([101], [102, 103], [104], (0, 0, 0, 1, 1))


@pytest.mark.parametrize("room", range(1, 12))
def test_longest_first_keeps_what_the_rust_tokenizers_keep(room):
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.enable_truncation(room, strategy="longest_first")
    first, second = (side.flatten() for side in torch.meshgrid(torch.arange(15), torch.arange(15), indexing="ij"))
    kept = torch.stack(longest_first(first, second, room), dim=1)
    for i, (one, two) in enumerate(zip(first.tolist(), second.tolist(), strict=True)):
        ids = tokenizer.encode("a " * one, "b " * two).ids
        assert kept[i].tolist() == [ids.count(0), ids.count(1)], (one, two)


def tokens(rows: list[list[int]]) -> Tokens:
    return Tokens(torch.tensor(sum(rows, []), dtype=torch.long), torch.tensor([len(row) for row in rows]))


def naive(first: list[int], second: list[int]) -> tuple[list[int], list[int]]:
    ids = [101, *first, 102, 103, *second, 104]
    return ids, [0] * (len(first) + 3) + [1] * (len(second) + 1)


FIRST, SECOND = [[1, 2], [], [3]], [[11], [12, 13, 14], [], [15, 16]]


@pytest.mark.parametrize("places", [[0, 1, 2, 3], [3, 1], [2], [0, 0, 3]])
def test_any_pairs_in_any_order_are_those_of_a_loop(places):
    which, of = [2, 0, 1, 0], [3, 1, 2, 0]
    joined = TEMPLATE.join(tokens(FIRST), tokens(SECOND), 50, torch.tensor(which), torch.tensor(of))
    expected = [naive(FIRST[which[i]], SECOND[of[i]]) for i in places]
    found, types = joined.select(torch.tensor(places))
    assert found.ids.tolist() == sum((ids for ids, _ in expected), []) and types.tolist() == sum((t for _, t in expected), [])
    assert found.lengths.tolist() == [len(ids) for ids, _ in expected]
    assert len(joined) == 4 and joined.lengths.tolist() == [7, 9, 4, 7]


def test_without_places_the_pairs_follow_the_second_texts():
    joined = TEMPLATE.join(tokens(FIRST), tokens(SECOND), 50, torch.tensor([0, 0, 1, 2]))
    expected = [naive(FIRST[i], second)[0] for i, second in zip([0, 0, 1, 2], SECOND, strict=True)]
    assert joined.select(torch.arange(4))[0].ids.tolist() == sum(expected, [])


def test_what_is_cut_is_the_end_of_each_text():
    joined = TEMPLATE.join(tokens([[1, 2, 3, 4, 5]]), tokens([[6, 7, 8, 9]]), 9, torch.tensor([0]))
    assert joined.select(torch.tensor([0]))[0].ids.tolist() == [101, 1, 2, 3, 102, 103, 6, 7, 104]


def test_no_pairs_are_no_tokens():
    joined = TEMPLATE.join(tokens([]), tokens([]), 9, torch.zeros(0, dtype=torch.long))
    assert len(joined) == 0 and len(joined.select(torch.zeros(0, dtype=torch.long))[0].ids) == 0
