"""The logged correlations are those of scipy on the embeddings, on one process and on two."""

import json

import pytest
import pytorch_lightning as pl
from scipy import stats
from toy_run import ToyData, toy_module, toy_trainer
from wandb_double import TableLogger

from lit_embed.callbacks import Spearman
from lit_embed.metrics import similarities, similarity_correlations

TEN = {f"{kind}_{name}" for kind in ("pearson", "spearman")
       for name in ("cosine", "euclidean", "manhattan", "dot", "max")}


def expected(module, rows):
    first, second = (module.encoder.encode(texts) for texts in (rows.queries, rows.documents[0]))
    assert similarity_correlations(first, second, rows.labels)["spearman_cosine"] == pytest.approx(
        stats.spearmanr(similarities(first, second)["cosine"], rows.labels).statistic, abs=1e-6)
    return similarity_correlations(first, second, rows.labels)


@pytest.mark.parametrize("stage, split", [("validate", "validation"), ("test", "test")])
def test_validate_and_test_log_the_correlations_of_their_split(toy_backbone, tmp_path, stage, split):
    data, module = ToyData(batch_size=4, scores=True), toy_module(toy_backbone)
    trainer = toy_trainer(tmp_path, [Spearman()])
    getattr(trainer, stage)(module, data, verbose=False)
    found = {name: value.item() for name, value in trainer.callback_metrics.items() if name in TEN}
    assert found == pytest.approx(expected(module, data.rows(split)), abs=1e-5) and set(found) == TEN


def test_data_and_split_of_its_own_are_scored_while_training_on_other_data(toy_backbone, tmp_path):
    other, module = ToyData(scores=True, train=9), toy_module(toy_backbone)
    trainer = toy_trainer(tmp_path, [Spearman(data=other, split="train", prefix="other/")], max_epochs=1)
    trainer.fit(module, ToyData(batch_size=4))
    found = {name: trainer.callback_metrics["other/" + name].item() for name in TEN}
    assert found == pytest.approx(expected(module, other.rows("train")), abs=1e-5)


class Times(pl.Callback):
    """Counts the validations that logged a figure, the sanity check left out."""

    def __init__(self):
        self.steps = []

    def on_validation_end(self, trainer, module):
        if "spearman_cosine" in trainer.callback_metrics:
            self.steps.append(trainer.global_step)


def test_it_runs_at_val_check_interval_and_a_checkpoint_monitors_it(toy_backbone, tmp_path):
    best = pl.callbacks.ModelCheckpoint(monitor="spearman_cosine", mode="max", filename="{step}-{spearman_cosine:.3f}")
    times, spearman = Times(), Spearman()
    trainer = toy_trainer(tmp_path, [spearman, times, best], enable_checkpointing=True, max_epochs=1,
                          num_sanity_val_steps=2, val_check_interval=2)
    trainer.fit(toy_module(toy_backbone), ToyData(batch_size=2))
    assert times.steps == [2, 4] == [step for _, step in spearman.history]
    figures = [found.metrics["spearman_cosine"] for found in spearman.history.values()]
    assert best.best_model_score.item() == pytest.approx(max(figures)) and "spearman_cosine=" in best.best_model_path


def test_training_is_the_same_with_and_without_evaluation(toy_backbone, tmp_path):
    def weights(callbacks):
        pl.seed_everything(1, verbose=False)
        module = toy_module(toy_backbone)
        toy_trainer(tmp_path, callbacks, val_check_interval=1).fit(module, ToyData(batch_size=4))
        return [parameter.detach().double().sum().item() for parameter in module.parameters()]

    assert weights([Spearman()]) == weights([])                      # dropout is on: its random numbers are untouched


def test_the_largest_disagreements_are_tabled(toy_backbone, tmp_path):
    logger = TableLogger(tmp_path)
    trainer = toy_trainer(tmp_path, [Spearman()], logger=logger)
    trainer.validate(toy_module(toy_backbone), ToyData(batch_size=4, scores=True), verbose=False)
    (key, columns, rows), = logger.tables
    gaps = [abs(row[columns.index("rank_of_score")] - row[columns.index("rank_of_cosine")]) for row in rows]
    assert key == "worst_misses/spearman" and len(rows) == 7 and gaps == sorted(gaps, reverse=True)
    assert json.dumps(rows)                                          # plain values, as a table wants them
