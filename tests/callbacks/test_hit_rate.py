"""The logged hit rates are those of a loop over all passages, with equal passages as one."""

import numpy as np
import pytest
import pytorch_lightning as pl
from toy_run import ToyData, toy_module, toy_trainer
from wandb_double import TableLogger

from lit_embed.batches import PairRows
from lit_embed.callbacks import HitRate
from lit_embed.errors import UserError

FIVE = {"hit_rate@1", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10"}


class Passages(ToyData):
    """Seven rows of five questions and four passages; the passages of training are others."""

    def rows(self, split):
        if split == "train":
            return super().rows(split)
        return PairRows(["a cat", "a dog", "a cat", "blue", "red", "green", "red"],
                        [["the mat", "the house", "the river", "the mat", "the tree", "the tree", "the tree"]])


def naive_hit_rate(module, rows, corpus, k):
    """Question by question over the distinct passages."""
    passages = list(dict.fromkeys(corpus))
    vectors = module.encoder.encode(passages)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    hits = []
    for question in dict.fromkeys(rows.queries):
        answers = {answer for asked, answer in zip(rows.queries, rows.documents[0]) if asked == question}
        cosine = vectors @ module.encoder.encode([question])[0]
        hits.append(any(passages[i] in answers for i in np.argsort(-cosine)[:k]))
    return np.mean(hits)


@pytest.mark.parametrize("stage", ["validate", "test"])
@pytest.mark.parametrize("corpus", [None, ["validation", "test", "train"]])
def test_validate_and_test_log_what_the_loop_finds(toy_backbone, tmp_path, stage, corpus):
    data, module = Passages(batch_size=4), toy_module(toy_backbone)
    trainer = toy_trainer(tmp_path, [HitRate(corpus=corpus)])
    getattr(trainer, stage)(module, data, verbose=False)
    rows, searched = data.rows(stage), data.rows(stage).documents[0]
    if corpus:
        searched = searched + data.rows("train").documents[0]
    for k in (1, 5, 10):
        found = trainer.callback_metrics[f"hit_rate@{k}"].item()
        assert found == pytest.approx(naive_hit_rate(module, rows, searched, k))
    assert FIVE <= set(trainer.callback_metrics)


def test_a_checkpoint_monitors_a_name_with_an_at_sign(toy_backbone, tmp_path):
    best = pl.callbacks.ModelCheckpoint(monitor="mrr@10", mode="max", filename="{step}-{mrr@10:.3f}-{hit_rate@1:.2f}")
    hit_rate = HitRate()
    trainer = toy_trainer(tmp_path, [hit_rate, best], enable_checkpointing=True, logger=pl.loggers.CSVLogger(tmp_path))
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4))
    figures = [found.metrics["mrr@10"] for found in hit_rate.history.values()]
    assert len(figures) == 2 and best.best_model_score.item() == pytest.approx(max(figures))
    assert "mrr@10=" in best.best_model_path


def test_samples_say_what_was_found_and_whether_it_is_right(toy_backbone, tmp_path):
    hit_rate = HitRate()
    toy_trainer(tmp_path, [hit_rate]).validate(toy_module(toy_backbone), Passages(batch_size=4), verbose=False)
    rows = Passages().rows("validation")
    assert hit_rate.found.corpus == 4 and len(hit_rate.found.samples) == 3
    for sample in hit_rate.found.samples:
        answers = {d for q, d in zip(rows.queries, rows.documents[0]) if q == sample["question"]}
        assert sample["right"] == [text in answers for text in sample["found"]] and len(sample["found"]) == 3


def test_the_answers_found_last_are_tabled(toy_backbone, tmp_path):
    logger = TableLogger(tmp_path)
    toy_trainer(tmp_path, [HitRate()], logger=logger).validate(toy_module(toy_backbone), ToyData(batch_size=4),
                                                                verbose=False)
    (key, columns, rows), = logger.tables
    ranks = [row[columns.index("rank_of_answer")] for row in rows]
    assert key == "worst_misses/hit_rate" and len(rows) == 7 and ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize("data, corpus, message", [
    (ToyData(scores=True), None, "ToyData have labels: use Spearman"),
    (ToyData(), ["train"], "7 of 7 questions of validation have no answer among the documents of train: add valid"),
])
def test_data_that_cannot_be_searched_is_one_clear_line(toy_backbone, tmp_path, data, corpus, message):
    with pytest.raises(UserError, match=message):
        toy_trainer(tmp_path, [HitRate(data, corpus=corpus)]).fit(toy_module(toy_backbone), ToyData(batch_size=4))


def test_a_fast_dev_run_searches_a_few_rows_even_in_a_corpus_of_other_splits(toy_backbone, tmp_path):
    hit_rate = HitRate(corpus=["train"])
    trainer = toy_trainer(tmp_path, [hit_rate], fast_dev_run=True)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=4, train=100))
    assert hit_rate.found.corpus == 32 + 7
