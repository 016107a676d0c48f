"""Each distinct sentence is a pair with itself, which neither the sampler nor the loss takes for a repeat."""

import pytest
import torch
from toy_words import with_trainer, write

from lit_embed.batches import Tokens
from lit_embed.data import Sentences
from lit_embed.errors import UserError
from lit_embed.losses import same_text
from lit_embed.models import TextEncoder

CSV = "text,other\na cat,b\nthe dog,c\na cat,d\ne,the dog\n"


def sentences(folder, text="text", csv=CSV, **options):
    return Sentences(write(folder / "some.csv", csv), text=text, validation="train", cache=str(folder), **options)


@pytest.mark.parametrize("columns, wanted", [("text", ["a cat", "the dog", "e"]),
                                             (["text", "other"], ["a cat", "the dog", "e", "b", "c", "d"])])
def test_every_text_of_all_columns_once_with_itself(tmp_path, columns, wanted):
    rows = sentences(tmp_path, columns).rows("train")
    assert rows.queries == wanted and rows.documents == [wanted] and rows.labels is None


def test_an_empty_row_is_an_error_or_left_out(tmp_path):
    csv = CSV + " ,f\n"
    with pytest.raises(UserError, match="some.csv, row 5: column 'text' is empty"):
        sentences(tmp_path, csv=csv).rows("train")
    assert sentences(tmp_path, ["text", "other"], csv, on_bad_row="skip").rows("train").queries[-1] == "f"


def test_no_rows_are_an_error(tmp_path):
    with pytest.raises(UserError, match="no rows are left"):
        sentences(tmp_path, csv="text\n\"\"\n", on_bad_row="skip").rows("train")


@pytest.mark.parametrize("no_duplicates", [False, True])
def test_batches_are_full_and_the_loss_leaves_nothing_out(tmp_path, no_duplicates):
    data = with_trainer(sentences(tmp_path, ["text", "other"], batch_size=3, no_duplicates=no_duplicates))
    batches = list(data.train_dataloader())
    assert [len(batch) for batch in batches] == [3, 3]
    for batch in batches:
        assert torch.equal(batch.query_ids, batch.document_ids[:, 0])
        assert not same_text(batch.query_ids, batch.document_ids).any()


def test_the_two_copies_meet_different_dropout_in_one_call(toy_backbone):
    encoder = TextEncoder(toy_backbone, max_length=32)
    ids, lengths, _ = encoder.tokenizer.tokenize(["the cat sat", "a dog"], "")
    once = Tokens(torch.from_numpy(ids).long(), torch.from_numpy(lengths).long())
    both = Tokens.join([once, once])
    one, other = encoder.train()(both).chunk(2)
    assert (one - other).abs().amax(dim=1).min() > 1e-3
    one, other = encoder.eval()(both).chunk(2)
    torch.testing.assert_close(one, other)
