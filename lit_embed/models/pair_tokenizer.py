"""Texts to bare token ids, which join into pairs exactly as the backbone's own tokenizer would have joined the texts.

Each text is tokenised once, however many pairs it stands in; joining and cutting are tensor code.
"""

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models.pair_template import PairTemplate
from lit_embed.models.tokenizer import end_to_end, fingerprint, load_tokenizer

# Pairs on which joining is compared with the tokenizer: short, empty, and long enough to be cut in every way.
SHORT = [("a", "b c"), ("a b. c!", " d  e\n"), ("", "a"), ("a", "")]


class PairTokenizer:
    """The tokenizer of a backbone for pairs of texts.

    max_length   tokens of a pair, special ones included; of longer pairs the longer text is cut first

    Raises
        UserError   no tokenizer in that folder, no room for two texts, or pairs are joined in a way unknown here
    """

    def __init__(self, backbone: str, max_length: int):
        self.hugging_face, self.max_length = load_tokenizer(backbone), max_length
        self.template = find_template(self.hugging_face, backbone)
        if max_length < len(self.template) + 2:
            raise UserError(f"max_length {max_length} has no room for two texts and {len(self.template)} special tokens")
        self._check(backbone)
        self.fingerprint = fingerprint(self.hugging_face, "bare", max_length)

    def tokenize(self, texts: list[str], prefix: str = "") -> tuple[np.ndarray, np.ndarray, int]:
        """N texts, each with `prefix` before it -> bare ids (S,) int32, lengths (N,) int32, how many fit into no pair.

        Nothing is cut here, since how much of a text is kept depends on the other text of the pair.
        """
        ids, lengths = end_to_end(bare_ids(self.hugging_face, [prefix + text for text in texts]))
        return ids, lengths, int((lengths > self.max_length - len(self.template)).sum())

    def tokens(self, texts: list[str], prefix: str = "") -> Tokens:
        ids, lengths, _ = self.tokenize(texts, prefix)
        return Tokens(torch.from_numpy(ids), torch.from_numpy(lengths).long())

    def _check(self, backbone: str) -> None:
        """Raises UserError unless joined ids and types are the tokenizer's own, on pairs of every kind."""
        much, more = "b" + " a" * self.max_length + " c", "d" + " a" * 2 * self.max_length + " e"
        pairs = [*SHORT, (much, "a"), ("a", much), (much, more), (more, much), (much, much)]
        first, second = (self.tokens([pair[side] for pair in pairs]) for side in (0, 1))
        every = torch.arange(len(pairs))
        ours, types = self.template.join(first, second, self.max_length, every).select(every)
        theirs = self.hugging_face(*map(list, zip(*pairs)), truncation="longest_first", max_length=self.max_length)
        if ours.ids.tolist() != sum(theirs["input_ids"], []) or (
                "token_type_ids" in theirs and types.tolist() != sum(theirs["token_type_ids"], [])):
            raise UserError(f"the tokenizer of {backbone} joins two texts in a way that cannot be expressed here")


def bare_ids(tokenizer: PreTrainedTokenizerBase, texts: list[str]) -> list[list[int]]:
    """The ids of each text without special tokens."""
    if not texts:
        return []
    return tokenizer(texts, add_special_tokens=False, return_attention_mask=False, return_token_type_ids=False)["input_ids"]


def find_template(tokenizer: PreTrainedTokenizerBase, backbone: str) -> PairTemplate:
    """The special tokens around two texts, read off one pair that the tokenizer encodes.

    Raises
        UserError   the texts of the pair cannot be found in what it encodes
    """
    texts = ["a", "b c"]
    whole = tokenizer(*texts)
    ids, types = whole["input_ids"], whole.get("token_type_ids", [0] * len(whole["input_ids"]))
    first, second = bare_ids(tokenizer, texts)
    start = _find(ids, first, 0)
    then = _find(ids, second, start + len(first))
    if start < 0 or then < 0 or not first or not second:
        raise UserError(f"the tokenizer of {backbone} joins two texts in a way that cannot be expressed here")
    parts = [ids[:start], ids[start + len(first):then], ids[then + len(second):]]
    one, two = types[start], types[then]
    # A part without tokens may have any type.
    around = [next(iter(types[place:place + len(part)]), 0) for place, part in
              zip([0, start + len(first), then + len(second)], parts)]
    return PairTemplate(*parts, types=(around[0], one, around[1], two, around[2]))


def _find(ids: list[int], part: list[int], start: int) -> int:
    """The place of `part` in `ids` from `start` on, or -1."""
    return next((i for i in range(max(start, 0), len(ids) - len(part) + 1) if ids[i:i + len(part)] == part), -1)
