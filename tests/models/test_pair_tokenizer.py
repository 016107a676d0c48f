"""Joined ids are those of the tokenizer's own pairs, for every template, at every length."""

import json

import pytest
import torch
from tokenizers import processors
from toys import toy_texts, toy_tokenizer

from lit_embed.errors import UserError
from lit_embed.models import TextTokenizer
from lit_embed.models.pair_tokenizer import PairTokenizer

SPECIAL = [("[CLS]", 2), ("[SEP]", 3)]
# How BERT, RoBERTa, decoders and Llama put two texts together.
TEMPLATES = {"bert": "[CLS] $A [SEP] $B:1 [SEP]:1", "roberta": "[CLS] $A [SEP] [SEP] $B [SEP]", "bare": "$A $B:1",
             "begin": "[CLS] $A [CLS] $B"}


@pytest.fixture
def folder(tmp_path):
    def made(template: str) -> str:
        tokenizer = toy_tokenizer()
        tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
            single="$A", pair=TEMPLATES[template], special_tokens=SPECIAL)
        tokenizer.save_pretrained(tmp_path / template)
        return str(tmp_path / template)

    return made


@pytest.mark.parametrize("max_length", [6, 7, 20, 64])
@pytest.mark.parametrize("template", TEMPLATES)
def test_joined_pairs_are_the_tokenizers_own(template, max_length, folder):
    tokenizer = PairTokenizer(folder(template), max_length)
    first, second = [*toy_texts(30, 1), "", "cat", ""], [*toy_texts(30, 2), "dog", "", ""]
    every = torch.arange(len(first))
    joined = tokenizer.template.join(tokenizer.tokens(first), tokenizer.tokens(second), max_length, every)
    ours, types = joined.select(every)
    theirs = tokenizer.hugging_face(first, second, truncation=True, max_length=max_length)
    assert ours.ids.tolist() == sum(theirs["input_ids"], []) and types.tolist() == sum(theirs["token_type_ids"], [])
    assert ours.lengths.tolist() == [len(row) for row in theirs["input_ids"]]


def test_a_text_is_tokenised_whole_and_counts_as_truncated_where_no_pair_holds_it(toy_backbone):
    tokenizer = PairTokenizer(toy_backbone, 8)
    ids, lengths, truncated = tokenizer.tokenize(["cat " * 40, "dog sat", "", "cat " * 5, "cat " * 6], prefix="the ")
    assert lengths.tolist() == [41, 3, 1, 6, 7] and truncated == 3
    assert tokenizer.hugging_face.cls_token_id not in ids and tokenizer.hugging_face.sep_token_id not in ids
    assert [len(part) for part in tokenizer.tokenize([])[:2]] == [0, 0]


def test_the_fingerprint_is_not_that_of_whole_texts(toy_backbone):
    assert PairTokenizer(toy_backbone, 8).fingerprint == PairTokenizer(toy_backbone, 8).fingerprint
    assert PairTokenizer(toy_backbone, 8).fingerprint not in {PairTokenizer(toy_backbone, 9).fingerprint,
                                                              TextTokenizer(toy_backbone, 8).fingerprint}


def test_a_length_without_room_for_two_texts_is_refused(toy_backbone):
    with pytest.raises(UserError, match="max_length 4 has no room for two texts and 3 special tokens"):
        PairTokenizer(toy_backbone, 4)


def test_a_tokenizer_that_cuts_elsewhere_is_refused(tmp_path):
    toy_tokenizer().save_pretrained(tmp_path)
    file = tmp_path / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"truncation_side": "left"}))
    with pytest.raises(UserError, match="joins two texts in a way"):
        PairTokenizer(str(tmp_path), 16)
