import numpy as np
import pytest
from toy_words import WordTokenizer, unpack

from lit_embed.batches import PairRows, text_ids
from lit_embed.data.pair_dataset import pair_dataset
from lit_embed.errors import UserError

ROWS = PairRows(["a", "b b", "a", "c"], [["x", "y y", "z", "x"], ["n", "o o", "p", "a"]],
                np.array([0, 1, 0.5, 1], np.float32))


def slowly(texts, prefix=""):
    return [WordTokenizer().tokenize([text], prefix)[0].tolist() for text in texts]


@pytest.mark.parametrize("prefixes", [("", ""), ("query: ", "passage: ")])
def test_a_batch_is_the_rows_written_out(tmp_path, prefixes):
    batch = pair_dataset(ROWS, WordTokenizer(), prefixes, tmp_path).__getitems__(np.array([2, 3, 0]))
    documents = ["z", "p", "x", "a", "x", "n"]                         # the choices of a query next to each other
    assert unpack(batch.queries) == slowly(["a", "c", "a"], prefixes[0])
    assert unpack(batch.documents) == slowly(documents, prefixes[1])
    assert batch.labels.tolist() == [0.5, 1, 0]
    assert batch.query_ids.tolist() == text_ids(["a", "c", "a"]).tolist()
    assert batch.document_ids.tolist() == text_ids(documents).reshape(3, 2).tolist()


def test_a_text_on_both_sides_has_one_identity_and_one_prefix_tokenises_it_once(tmp_path):
    tokenizer = WordTokenizer()
    batch = pair_dataset(ROWS, tokenizer, ("", ""), tmp_path).__getitems__(np.array([0, 3]))
    assert batch.query_ids[0] == batch.document_ids[1, 1]
    assert sorted(tokenizer.asked) == sorted({"a", "b b", "c", "x", "y y", "z", "n", "o o", "p"})


def test_pairs_without_labels_have_none(tmp_path):
    batch = pair_dataset(PairRows(["a"], [["b"]]), WordTokenizer(), ("", ""), tmp_path).__getitems__(np.array([0]))
    assert batch.labels is None and batch.document_ids.shape == (1, 1)


def test_identities_hold_every_text_of_a_row(tmp_path):
    pairs = pair_dataset(ROWS, WordTokenizer(), ("", ""), tmp_path)
    assert pairs.identities()[1].tolist() == text_ids(["b b", "y y", "o o"]).tolist()


def test_random_negatives_are_answers_of_other_rows(tmp_path):
    pairs = pair_dataset(ROWS, WordTokenizer(), ("", ""), tmp_path, random_negatives=2)
    batch = pairs.__getitems__(np.arange(4))
    assert batch.document_ids.shape == (4, 4)
    for row, ids in enumerate(batch.document_ids.tolist()):
        others = set(text_ids(["x", "y y", "z"]).tolist()) - {ids[0]}
        assert set(ids[2:]) == others, row


def test_negatives_are_drawn_anew_each_epoch_and_the_same_again_for_the_same(tmp_path):
    rows = PairRows([f"q{i}" for i in range(50)], [[f"d{i}" for i in range(50)]])
    pairs = pair_dataset(rows, WordTokenizer(), ("", ""), tmp_path, random_negatives=1, seed=3)
    drawn = []
    for pairs.epoch in (0, 1, 0):
        drawn.append(pairs.__getitems__(np.arange(50)).document_ids[:, 1].tolist())
    assert drawn[0] == drawn[2] != drawn[1]
    assert drawn[0][7] == pairs.__getitems__(np.array([7])).document_ids[0, 1]     # whoever else is in the batch


def test_mined_negatives_stand_between_those_of_the_data_and_the_random_ones(tmp_path):
    pairs = pair_dataset(ROWS, WordTokenizer(), ("", ""), tmp_path, random_negatives=1)
    before = pairs.__getitems__(np.array([2, 0])).document_ids
    assert pairs.choices == before.shape[1] == 3
    pairs.mined = pairs.documents.places(text_ids(["y y", "z", "n", "o o"]))[:, None]
    after = pairs.__getitems__(np.array([2, 0])).document_ids
    assert pairs.choices == after.shape[1] == 4
    assert after[:, 2].tolist() == text_ids(["n", "y y"]).tolist()
    assert after[:, [0, 1, 3]].tolist() == before.tolist()


def test_more_negatives_than_documents_are_refused(tmp_path):
    with pytest.raises(UserError, match="random_negatives is 3, but there are only 3 distinct documents"):
        pair_dataset(ROWS, WordTokenizer(), ("", ""), tmp_path, random_negatives=3)
