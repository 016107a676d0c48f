from dataclasses import dataclass

import numpy as np
import pytest
from toy_words import WordTokenizer, unpack, with_trainer

from lit_embed.batches import PairRows, text_ids
from lit_embed.data.notice import notice
from lit_embed.data.pair_data import PairData
from lit_embed.errors import UserError


@dataclass(eq=False)
class Letters(PairData):
    """A data set in three lines: rows(split) and nothing else."""

    def rows(self, split):
        count = {"train": 20, "validation": 7, "test": 5}[split]
        return PairRows([f"{split} q{i}" for i in range(count)], [[f"{split} d{i % 10}" for i in range(count)]],
                        np.arange(count, dtype=np.float32))


def seen(loader, epoch=0) -> list:
    if hasattr(loader.sampler, "set_epoch"):
        loader.sampler.set_epoch(epoch)
    return [(batch.query_ids.tolist(), batch.document_ids.tolist()) for batch in loader]


@pytest.fixture(autouse=True)
def no_global_seed(monkeypatch):
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)


def test_training_drops_the_incomplete_batch_and_evaluation_keeps_every_row():
    data = with_trainer(Letters(batch_size=3))
    assert [len(b.query_ids) for b in data.train_dataloader()] == [3] * 6
    assert sorted(label for b in data.val_dataloader() for label in b.labels.tolist()) == list(range(7))
    assert [label for b in data.predict_dataloader() for label in b.labels.tolist()] == list(range(7))
    assert sorted(label for b in data.test_dataloader() for label in b.labels.tolist()) == list(range(5))


def test_the_encoders_tokenizer_and_prefixes_are_used():
    data = with_trainer(Letters(batch_size=20), WordTokenizer(max_length=3), "query: ", "passage: ")
    batch = next(iter(data.train_dataloader()))
    texts = dict(zip(text_ids(data.rows("train").queries).tolist(), data.rows("train").queries, strict=True))
    first = texts[int(batch.query_ids[0])]
    assert unpack(batch.queries)[0] == WordTokenizer(3).tokenize([first], "query: ")[0].tolist()


def test_another_tokenizer_is_not_given_the_ids_of_the_first():
    class Shifted(WordTokenizer):
        def tokenize(self, texts, prefix=""):
            ids, lengths, truncated = super().tokenize(texts, prefix)
            return ids + 1, lengths, truncated

    data = with_trainer(Letters(batch_size=20))
    before = next(iter(data.predict_dataloader())).queries.ids
    with_trainer(data, Shifted(fingerprint="shifted"))
    assert (next(iter(data.predict_dataloader())).queries.ids == before + 1).all()


def test_texts_are_tokenised_once_however_often_they_are_asked_for():
    tokenizer = WordTokenizer(fingerprint="asked once")
    for _ in range(2):
        with_trainer(Letters(batch_size=5), tokenizer).train_dataloader()
    assert len(tokenizer.asked) == len(set(tokenizer.asked)) == 20 + 10 + 7 + 7


def test_limit_keeps_the_first_rows_of_training_and_validation():
    data = with_trainer(Letters(batch_size=2, limit=4))
    assert (len(data.pairs("train")), len(data.pairs("validation"))) == (4, 4)


def test_no_duplicates_is_one_word():
    data = with_trainer(Letters(batch_size=10, no_duplicates=True))
    for batch in data.train_dataloader():
        assert len(set(batch.document_ids.ravel().tolist())) == 10


def test_each_epoch_draws_other_negatives_in_training_and_the_same_in_validation():
    data = with_trainer(Letters(batch_size=5, random_negatives=1))
    negatives = [{str(row) for _, rows in seen(data.train_dataloader(), epoch) for row in rows} for epoch in range(2)]
    assert negatives[0] != negatives[1]
    assert seen(data.val_dataloader(), 0) == seen(data.val_dataloader(), 1)


def test_the_order_follows_seed_everything_and_seed_without_it(monkeypatch):
    def order(seed):
        return seen(with_trainer(Letters(batch_size=5, seed=seed)).train_dataloader())

    assert order(1) != order(2)
    monkeypatch.setenv("PL_GLOBAL_SEED", "9")
    assert order(1) == order(2)


def test_a_resumed_run_keeps_its_order_though_the_seed_was_drawn_anew(monkeypatch):
    monkeypatch.setenv("PL_GLOBAL_SEED", "9")
    data = with_trainer(Letters(batch_size=5, random_negatives=1))
    loader = data.train_dataloader()
    loader.sampler.set_epoch(1)
    batches = iter(loader)
    next(batches), next(batches)
    state = data.state_dict()
    rest = [(batch.query_ids.tolist(), batch.document_ids.tolist()) for batch in batches]
    monkeypatch.setenv("PL_GLOBAL_SEED", "10")
    resumed = with_trainer(Letters(batch_size=5, random_negatives=1))
    resumed.load_state_dict(state)
    assert seen(resumed.train_dataloader(), 1) == rest and len(rest) == 2
    assert len(seen(resumed.train_dataloader(), 1)) == 4        # the position is used up: a new fit is a new run


def test_overfitting_a_few_batches_sees_the_same_ones_in_every_epoch():
    loader = with_trainer(Letters(batch_size=5), overfit_batches=2).train_dataloader()
    assert seen(loader, 0) == seen(loader, 1)


def test_how_many_texts_are_cut_is_said_once(caplog):
    notice.cache_clear()
    with caplog.at_level("INFO"):
        for _ in range(2):
            with_trainer(Letters(), WordTokenizer(max_length=1))
    said = [record.message for record in caplog.records if "are longer than 1 tokens" in record.message]
    assert [line.split(" (")[0] for line in said] == ["train: 30 of 30 texts", "validation: 14 of 14 texts"]


def test_the_cache_folder_is_given_or_the_environments(monkeypatch, tmp_path):
    with_trainer(Letters(cache=str(tmp_path / "mine")))
    assert list((tmp_path / "mine").glob("*.arrow"))
    monkeypatch.setenv("LIT_EMBED_CACHE", str(tmp_path / "theirs"))
    with_trainer(Letters())
    assert list((tmp_path / "theirs").glob("*.arrow"))


def test_a_module_without_an_encoder_is_told_so():
    data = Letters()
    with pytest.raises(UserError, match="Letters tokenises for a module that has an encoder"):
        data.pairs("train")


def test_a_batch_larger_than_the_data_is_one_line():
    with pytest.raises(UserError, match="larger than the training data, which has 20 rows"):
        with_trainer(Letters(batch_size=21)).train_dataloader()
