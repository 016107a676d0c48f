import pickle

import numpy as np
import pytest
from toy_words import WordTokenizer, unpack

from lit_embed.batches import text_ids
from lit_embed.data.token_store import TEXTS_AT_ONCE, open_store
from lit_embed.errors import UserError

TEXTS = ["a cat sat", "the dog", "a cat sat", "on the mat", "one two three four five six seven eight nine", "the dog"]


def test_a_batch_is_the_texts_tokenised_one_by_one(tmp_path):
    tokenizer = WordTokenizer()
    store = open_store(TEXTS, "query: ", tokenizer, tmp_path)
    wanted = [TEXTS[i] for i in [4, 0, 0, 3, 1]]
    tokens = store.tokens(store.places(text_ids(wanted)))
    naive = [WordTokenizer().tokenize([text], "query: ")[0].tolist() for text in wanted]
    assert unpack(tokens) == naive


def test_random_batches_equal_the_slow_twin(tmp_path):
    generator = np.random.default_rng(0)
    texts = [" ".join(map(str, generator.integers(0, 99, generator.integers(1, 12)))) for _ in range(300)]
    store = open_store(texts, "", WordTokenizer(), tmp_path)
    for size in (1, 7, 300):
        wanted = [texts[i] for i in generator.integers(0, 300, size)]
        slow = [WordTokenizer().tokenize([text])[0].tolist() for text in wanted]
        assert unpack(store.tokens(store.places(text_ids(wanted)))) == slow


def test_distinct_texts_are_tokenised_once_and_then_never_again(tmp_path):
    tokenizer = WordTokenizer()
    open_store(TEXTS, "", tokenizer, tmp_path)
    assert sorted(tokenizer.asked) == sorted(set(TEXTS))
    store = open_store(TEXTS[::-1], "", tokenizer, tmp_path)           # the order of the texts makes no difference
    assert len(tokenizer.asked) == len(store) == 4


def test_many_texts_are_tokenised_in_parts(tmp_path):
    texts = [f"text {i}" for i in range(TEXTS_AT_ONCE + 5)]
    store = open_store(texts, "", WordTokenizer(), tmp_path)
    assert len(store) == len(texts)
    last = store.tokens(store.places(text_ids(texts[-1:])))
    assert unpack(last) == [WordTokenizer().tokenize(texts[-1:])[0].tolist()]


@pytest.mark.parametrize("prefix, tokenizer, texts", [
    ("query: ", WordTokenizer(), TEXTS), ("", WordTokenizer(max_length=3), TEXTS),
    ("", WordTokenizer(fingerprint="other"), TEXTS), ("", WordTokenizer(), TEXTS + ["one more"])])
def test_another_prefix_tokenizer_or_text_is_another_file(tmp_path, prefix, tokenizer, texts):
    first = open_store(TEXTS, "", WordTokenizer(), tmp_path)
    assert open_store(texts, prefix, tokenizer, tmp_path).path != first.path


def test_how_many_texts_were_cut_is_remembered(tmp_path):
    for _ in range(2):                                                 # when written, and when read again
        assert open_store(TEXTS, "", WordTokenizer(), tmp_path).truncated == 1


def test_the_arrays_are_views_of_the_mapped_file(tmp_path):
    store = open_store(TEXTS, "", WordTokenizer(), tmp_path)
    for array in (store.ids, store.starts, store.identities):
        assert not array.flags.owndata and not array.flags.writeable


def test_a_worker_process_gets_the_path_not_the_arrays(tmp_path):
    store = open_store([f"text number {i}" for i in range(5000)], "", WordTokenizer(), tmp_path)
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent).ids, store.ids)


def test_nothing_half_written_is_left_behind(tmp_path):
    class Interrupted(WordTokenizer):
        def tokenize(self, texts, prefix=""):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(TEXTS, "", Interrupted(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_is_said_to_be_damaged(tmp_path):
    store = open_store(TEXTS, "", WordTokenizer(), tmp_path)
    store.path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="is damaged .* delete it"):
        open_store(TEXTS, "", WordTokenizer(), tmp_path)
