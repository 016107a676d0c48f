"""Ids end to end: as the tokenizer alone gives them, cut at the maximum, never without a token."""

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.models import TextTokenizer
from lit_embed.models.tokenizer import fingerprint


def test_ids_are_those_of_each_text_alone(toy_backbone):
    tokenizer, texts = TextTokenizer(toy_backbone, 16), ["the cat sat", "", "a dog", "red green blue"]
    ids, lengths, truncated = tokenizer.tokenize(texts, prefix="the ")
    alone = [tokenizer.hugging_face("the " + text)["input_ids"] for text in texts]
    assert ids.tolist() == sum(alone, []) and lengths.tolist() == [len(row) for row in alone] and truncated == 0
    assert ids.dtype == lengths.dtype == np.int32


def test_only_what_is_cut_counts_as_truncated(toy_backbone):
    tokenizer = TextTokenizer(toy_backbone, 5)
    ids, lengths, truncated = tokenizer.tokenize(["the cat sat", "the cat sat on mat", "a"])
    assert lengths.tolist() == [5, 5, 3] and truncated == 1
    assert ids[4] == ids[9] == tokenizer.hugging_face.sep_token_id


def test_a_text_without_tokens_becomes_one(backbone_folder):
    tokenizer = TextTokenizer(backbone_folder("llama"), 8)
    tokenizer.hugging_face.backend_tokenizer.post_processor = None          # decoders often add no special tokens
    tokenizer.hugging_face.eos_token = "[SEP]"
    ids, lengths, _ = tokenizer.tokenize(["", "cat"])
    assert lengths.tolist() == [1, 1] and ids[0] == tokenizer.hugging_face.eos_token_id


def test_the_fingerprint_changes_with_what_changes_ids_and_with_nothing_else(toy_backbone):
    tokenizer = TextTokenizer(toy_backbone, 8)
    tokenizer.tokenize(["the cat"])
    assert TextTokenizer(toy_backbone, 8).fingerprint == tokenizer.fingerprint
    assert fingerprint(tokenizer.hugging_face, 8, tokenizer._stand_in()) == tokenizer.fingerprint
    assert TextTokenizer(toy_backbone, 9).fingerprint != tokenizer.fingerprint


def test_no_texts_are_no_ids(toy_backbone):
    ids, lengths, truncated = TextTokenizer(toy_backbone, 8).tokenize([])
    assert len(ids) == len(lengths) == truncated == 0


def test_a_folder_without_a_tokenizer_is_one_clear_line(tmp_path):
    with pytest.raises(UserError, match="no tokenizer in"):
        TextTokenizer(str(tmp_path), 8)
