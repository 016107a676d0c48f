"""Equal texts are found by their identity: against one comparison at a time, in blocks, and over processes."""

import pytest
import torch
from toys import run_in_processes

from lit_embed.errors import UserError
from lit_embed.losses.same_text import SameText, same_text

QUERY_IDS, DOCUMENT_IDS = torch.tensor([1, 2, 1, 4]), torch.tensor([[10, 11], [20, 10], [30, 1], [10, 10]])


def naive_same_text(query_ids, document_ids):
    batch, choices = document_ids.shape
    rows = []
    for i in range(batch):
        row = []
        for j in range(batch):
            for c in range(choices):
                column, asker = int(document_ids[j, c]), int(query_ids[j])
                own_text, again = column == int(query_ids[i]), column == int(document_ids[i, 0])
                another_answer = c == 0 and asker == int(query_ids[i])
                row.append((own_text or again or another_answer) and (i, 0) != (j, c))
        rows.append(row)
    return torch.tensor(rows)


def test_equal_texts_are_found_by_identity():
    same = same_text(QUERY_IDS, DOCUMENT_IDS)
    assert torch.equal(same, naive_same_text(QUERY_IDS, DOCUMENT_IDS))
    assert same[0].tolist() == [False, False, False, True, True, True, True, True]
    assert not same[torch.arange(4), torch.arange(4) * 2].any()


@pytest.mark.parametrize("choices", [1, 3])
def test_some_rows_at_a_time_are_rows_of_the_whole(choices):
    query_ids, document_ids = torch.randint(0, 5, (9,)), torch.randint(3, 12, (9, choices))
    whole, blocks = naive_same_text(query_ids, document_ids), SameText(query_ids, document_ids)
    for rows in (slice(0, 4), slice(4, 8), slice(8, 9)):
        assert torch.equal(blocks.rows(rows), whole[rows])


def in_part(rank, expected):
    mine = slice(rank * 2, rank * 2 + 2)
    assert torch.equal(same_text(QUERY_IDS[mine], DOCUMENT_IDS[mine]), expected[mine])
    of_seven = slice(rank * 2, rank * 2 + 2 - rank)
    with pytest.raises(UserError, match="process 0 holds a batch of 2 x 3, process 1 one of 1 x 3: .*drop an incomplete"):
        same_text(QUERY_IDS[of_seven], DOCUMENT_IDS[of_seven])


def test_two_processes_find_the_equal_texts_of_each_other_and_refuse_unequal_batches():
    run_in_processes(2, in_part, naive_same_text(QUERY_IDS, DOCUMENT_IDS))
