"""An evaluation that could never run, or would log nonsense, stops the run before its first step, in one line."""

import pytest
import pytorch_lightning as pl
from toy_run import ToyData, toy_cross_encoder, toy_module, toy_trainer

from lit_embed.callbacks import HitRate, PairScores, Rerank, Spearman
from lit_embed.callbacks.evaluation import FEW, Evaluated, Evaluation, rows_of
from lit_embed.errors import UserError


class Unsplit(ToyData):
    """Data without validation rows, whose author did not use the base's held-out share."""

    def val_dataloader(self):
        return []


class Counted(ToyData):
    def rows(self, split):
        self.read = getattr(self, "read", 0) + 1
        return super().rows(split)


@pytest.mark.parametrize("callback", [Spearman, HitRate])
def test_data_without_validation_is_one_clear_line_at_the_start(toy_backbone, tmp_path, callback):
    with pytest.raises(UserError, match="no validation rows to evaluate.*hold out"):
        toy_trainer(tmp_path, [callback(data=ToyData(held_out=0))]).fit(toy_module(toy_backbone), ToyData(batch_size=4))


@pytest.mark.filterwarnings("ignore:Total length of")
@pytest.mark.parametrize("callback", [Spearman, HitRate])
def test_training_data_without_validation_batches_is_one_clear_line(toy_backbone, tmp_path, callback):
    with pytest.raises(UserError, match="no evaluation would ever run"):
        toy_trainer(tmp_path, [callback(data=ToyData())]).fit(toy_module(toy_backbone), Unsplit(batch_size=4))


@pytest.mark.parametrize("callback, module, message", [
    (Spearman, toy_cross_encoder, "^Spearman compares embeddings, and CrossEncoder has none: use PairScores or Rerank"),
    (HitRate, toy_cross_encoder, "^HitRate compares embeddings, and CrossEncoder has none: use PairScores or Rerank"),
    (PairScores, toy_module, "^PairScores scores pairs of texts, which BiEncoder cannot: use Spearman or HitRate"),
    (Rerank, toy_module, "^Rerank scores pairs of texts, which BiEncoder cannot: use Spearman or HitRate"),
])
@pytest.mark.parametrize("stage", ["fit", "validate"])
def test_a_model_of_the_other_kind_is_one_clear_line(toy_backbone, tmp_path, callback, module, message, stage):
    trainer = toy_trainer(tmp_path, [callback()])
    with pytest.raises(UserError, match=message):
        getattr(trainer, stage)(module(toy_backbone), datamodule=ToyData(batch_size=4))


class Words(Evaluation):
    """The least that an evaluation has to write."""

    def read(self, trainer, split):
        self.reads = getattr(self, "reads", 0) + 1
        return sum(len(query.split()) for query in rows_of(trainer, self.data, split).queries)

    def evaluate(self, trainer, module, split):
        self.found = Evaluated({f"{self.prefix}words": float(self.task(trainer, split))})
        return self.found.metrics


def test_a_new_evaluation_is_read_and_evaluate(toy_backbone, tmp_path):
    words = Words(prefix="my_")
    trainer = toy_trainer(tmp_path, [words])
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    expected = sum(len(query.split()) for query in ToyData().rows("validation").queries)
    assert trainer.callback_metrics["my_words"] == expected and words.reads == 1
    assert list(words.history) == [("validation", 2), ("validation", 4)]


def test_two_evaluations_under_one_name_are_refused(toy_backbone, tmp_path):
    with pytest.raises(UserError, match="2 HitRate callbacks.*prefix"):
        toy_trainer(tmp_path, [HitRate(), HitRate()]).fit(toy_module(toy_backbone), ToyData(batch_size=4))


def test_a_prefix_tells_two_evaluations_apart(toy_backbone, tmp_path):
    trainer = toy_trainer(tmp_path, [HitRate(), HitRate(data=ToyData(held_out=1), prefix="one/")], max_epochs=1)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    assert trainer.callback_metrics["one/hit_rate@1"] == 1 > trainer.callback_metrics["hit_rate@1"]


def test_data_without_a_path_is_looked_for_where_the_training_data_is(tmp_path):
    trainer, own = toy_trainer(tmp_path, []), ToyData(path="somewhere")
    trainer._data_connector.attach_data(pl.LightningModule(), datamodule=own)
    other, placed = ToyData(), ToyData(path="elsewhere")
    rows_of(trainer, other, "validation"), rows_of(trainer, placed, "validation")
    assert other.path == "somewhere" and placed.path == "elsewhere"


def test_rows_are_read_once_and_cut_at_the_limit(tmp_path):
    trainer, data = toy_trainer(tmp_path, []), Counted(limit=3, held_out=9)
    assert [len(rows_of(trainer, data, "validation")) for _ in range(3)] == [3, 3, 3] and data.read == 1


def test_a_fast_dev_run_looks_at_a_few_rows_only(tmp_path):
    assert len(rows_of(toy_trainer(tmp_path, [], fast_dev_run=True), ToyData(held_out=500), "validation")) == FEW


def test_without_a_data_module_the_message_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="its own"):
        rows_of(toy_trainer(tmp_path, []), None, "validation")
