"""Several data sets as one data module, with the settings, the prefixes and the mistakes of each."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from toy_words import WordTokenizer, unpack, with_trainer

from lit_embed.batches import PairRows, text_ids
from lit_embed.data import Mixture, PairData, RoundRobin
from lit_embed.errors import UserError


@dataclass(eq=False)
class Numbers(PairData):
    """Rows of one letter: 20 to train on, 7 to validate, 5 to test."""

    letter: str = "a"
    rows_there: int = 20

    def rows(self, split):
        count = {"train": self.rows_there, "validation": 7, "test": 5}[split]
        return PairRows([f"{self.letter} q{i}" for i in range(count)], [[f"{self.letter} d{i % 10}" for i in range(count)]])


@pytest.fixture(autouse=True)
def no_global_seed(monkeypatch):
    monkeypatch.delenv("PL_GLOBAL_SEED", raising=False)


def two(**settings) -> Mixture:
    return Mixture({"a": Numbers(batch_size=5), "b": Numbers(letter="b", batch_size=10, random_negatives=2)}, **settings)


def seen(loader, epoch=0) -> list:
    if hasattr(loader.sampler, "set_epoch"):
        loader.sampler.set_epoch(epoch)
    return [(batch.source, batch.query_ids.tolist(), batch.document_ids.tolist()) for batch in loader]


def test_every_batch_is_of_one_set_with_its_own_size_and_negatives():
    loader = with_trainer(two()).train_dataloader()
    known = {letter: set(text_ids([f"{letter} {kind}{i}" for kind in "qd" for i in range(20)]).tolist()) for letter in "ab"}
    assert len(loader) == 4 + 2 and len(loader.pairs) == 40
    for batch in loader:
        assert batch.document_ids.shape == {"a": (5, 1), "b": (10, 3)}[batch.source]
        assert {*batch.query_ids.tolist(), *batch.document_ids.flatten().tolist()} <= known[batch.source]
        assert batch.to("cpu").source == batch.source


def test_validation_and_test_have_every_row_of_every_set_once():
    data = with_trainer(two())
    for loader, rows in ((data.val_dataloader(), 7), (data.test_dataloader(), 5)):
        found = [(source, query) for source, queries, _ in seen(loader) for query in queries]
        assert len(found) == len(set(found)) == 2 * rows and seen(loader) == seen(loader)


def test_prefixes_are_the_sets_own_where_it_has_some_and_else_the_encoders():
    sets = {"a": Numbers(batch_size=20, query_prefix="ask: "), "b": Numbers(letter="b", batch_size=20)}
    data = with_trainer(Mixture(sets), WordTokenizer(), "query: ", "passage: ")
    first = {batch.source: (unpack(batch.queries)[0][0], unpack(batch.documents)[0][0]) for batch in data.train_dataloader()}
    ask, query, passage = (sum(map(ord, word)) for word in ("ask:", "query:", "passage:"))
    assert first == {"a": (ask, passage), "b": (query, passage)}


def test_the_path_is_for_sets_without_their_own_and_the_limit_for_all():
    data = Mixture({"a": Numbers(path="mine", limit=20), "b": Numbers(limit=3), "c": Numbers()}, path="all", limit=9)
    assert [(each.path, each.limit) for each in data.sets.values()] == [("mine", 9), ("all", 3), ("all", 9)]
    assert Mixture({"a": Numbers()}).sets["a"].limit is None


def test_a_batch_never_holds_a_text_twice_where_the_set_asks_for_it():
    data = with_trainer(Mixture({"a": Numbers(batch_size=10, no_duplicates=True), "b": Numbers(letter="b", batch_size=10)}))
    for source, _, documents in seen(data.train_dataloader()):
        assert source == "b" or len(set(map(tuple, documents))) == 10


def test_each_epoch_has_another_order_and_other_negatives():
    loader = with_trainer(two()).train_dataloader()
    first, second = ([each for each in seen(loader, epoch) if each[0] == "b"] for epoch in (0, 1))
    assert first != second and {str(row) for batch in first for row in batch[2]} != {str(row) for batch in second for row in batch[2]}
    assert [source for source, *_ in seen(loader, 0)] != [source for source, *_ in seen(loader, 1)]


def test_sets_of_equally_many_rows_come_in_different_orders():
    data = with_trainer(Mixture({"a": Numbers(batch_size=20), "b": Numbers(letter="a", batch_size=20)}))
    first, second = [queries for _, queries, _ in seen(data.train_dataloader())]
    assert first != second and sorted(first) == sorted(second)


@pytest.mark.parametrize("num_workers", [0, 2])
def test_a_resumed_epoch_goes_on_with_the_rest_of_the_batches(num_workers, monkeypatch):
    data = with_trainer(two(mixing=RoundRobin(), num_workers=num_workers))
    loader = data.train_dataloader()
    loader.sampler.set_epoch(1)
    batches = iter(loader)
    for _ in range(3):
        next(batches)
    state = data.state_dict()
    rest = [(batch.source, batch.query_ids.tolist(), batch.document_ids.tolist()) for batch in batches]
    monkeypatch.setenv("PL_GLOBAL_SEED", "1234")
    resumed = two(mixing=RoundRobin())
    resumed.load_state_dict(state)
    assert seen(with_trainer(resumed).train_dataloader(), 1) == rest and len(rest) == 3


def test_overfitting_repeats_the_same_batches_of_all_sets():
    loader = with_trainer(two(), overfit_batches=4).train_dataloader()
    assert seen(loader) == seen(loader) and {source for source, *_ in seen(loader)} == {"a", "b"}


@pytest.mark.parametrize("other, message", [
    (Numbers(letter="b", batch_size=21), "^set 'b': a batch of 21 rows is larger than the training data, which has 20 rows"),
    (Numbers(letter="b", rows_there=0), "^set 'b': there are no training rows"),
    (Numbers(letter="b", random_negatives=10), "^set 'b': random_negatives is 10, but there are only 10 distinct"),
    (Numbers(letter="b", batch_size=15, no_duplicates=True), "^set 'b': no batch of 15 rows without a repeated text"),
])
def test_a_mistake_in_one_set_names_it(other, message):
    with pytest.raises(UserError, match=message):
        with_trainer(Mixture({"a": Numbers(batch_size=5), "b": other})).train_dataloader()


def test_sets_and_losses_must_have_the_same_names():
    data = two()
    data.trainer = None
    with_trainer(data)
    data.trainer.lightning_module.loss = SimpleNamespace(sets=["a", "c"])
    with pytest.raises(UserError, match="model.loss has losses for a, c, but data.sets are a, b: name each set in both"):
        data.setup("fit")
    data.trainer.lightning_module.loss = SimpleNamespace(sets=["b", "a"])
    data.setup("fit")


def test_what_a_mixture_cannot_be_asked_is_one_line():
    with pytest.raises(UserError, match="data.sets names no data set"):
        Mixture({})
    with pytest.raises(UserError, match="predict writes the pairs of one data set, and this is a mixture of a, b"):
        with_trainer(two(), stage="predict").predict_dataloader()
