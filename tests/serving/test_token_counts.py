"""Tokens of texts, counted beside the model that reads them."""

import asyncio

import pytest

from lit_embed.serving.token_counts import TokenCounter


def counted(tokenizer: object, texts: list[str], prefix: str = "") -> tuple[list[int], int]:
    async def count() -> tuple[list[int], int]:
        counter = TokenCounter(tokenizer)
        try:
            lengths, truncated = await counter.count(texts, prefix)
            return lengths.tolist(), truncated
        finally:
            counter.close()

    return asyncio.run(count())


@pytest.mark.parametrize("prefix", ["", "red blue "])
def test_as_many_as_the_model_reads_and_how_many_texts_it_cuts(encoder, prefix):
    lengths, truncated = counted(encoder.tokenizer, ["the cat", "", "the cat " * 40], prefix)
    added = len(prefix.split())
    assert lengths == [4 + added, 2 + added, 32] and truncated == 1


def test_pairs_are_counted_without_their_special_tokens(scorer):
    assert counted(scorer.tokenizer, ["the cat", "a dog sat"]) == ([2, 3], 0)


def test_without_a_tokenizer_that_is_known_letters_decide():
    assert counted(None, ["", "a" * 40]) == counted(object(), ["", "a" * 40]) == ([1, 11], 0)
