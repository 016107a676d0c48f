"""The logged figures are those of scipy and of slow loops on the encoder's scores, on one process and on two."""

import json

import numpy as np
import pytest
import pytorch_lightning as pl
from scipy import stats
from toy_run import ToyData, toy_cross_encoder, toy_trainer
from toys import run_in_processes
from wandb_double import TableLogger

from lit_embed.batches import PairRows
from lit_embed.callbacks import PairScores
from lit_embed.callbacks.scored_pairs import scored_pairs
from lit_embed.errors import UserError
from lit_embed.metrics import class_figures, two_class_figures

def scores_of(module, first, second):
    return module.encoder.score(list(zip(first, second)))


def correlations(scores, labels):
    return {"pair_pearson": stats.pearsonr(scores, labels).statistic,
            "pair_spearman": stats.spearmanr(scores, labels).statistic}


def figures(trainer):
    return {name: value.item() for name, value in trainer.callback_metrics.items() if name.startswith("pair_")}


@pytest.mark.parametrize("stage, split", [("validate", "validation"), ("test", "test")])
def test_scored_rows_are_correlated(toy_backbone, tmp_path, stage, split):
    data, module = ToyData(batch_size=4, scores=True), toy_cross_encoder(toy_backbone)
    trainer, rows = toy_trainer(tmp_path, [PairScores()]), data.rows(split)
    getattr(trainer, stage)(module, data, verbose=False)
    scores = scores_of(module, rows.queries, rows.documents[0])
    assert figures(trainer) == pytest.approx(correlations(scores, rows.labels), abs=1e-5)


@pytest.mark.parametrize("num_labels", [1, 2])
@pytest.mark.parametrize("own, count", [(ToyData(classes=2), 7), (ToyData(), 2 * 5)])
def test_two_classes_or_true_and_made_up_false_pairs_are_told_apart(toy_backbone, tmp_path, own, count, num_labels):
    module, callbacks = toy_cross_encoder(toy_backbone, num_labels), [PairScores(own, true_pairs=5)]
    trainer = toy_trainer(tmp_path, callbacks)
    trainer.validate(module, ToyData(batch_size=4, classes=2), verbose=False)
    pairs = scored_pairs(own.rows("validation"), true_pairs=5)
    scores = scores_of(module, pairs.first, pairs.second)
    scores = scores if num_labels == 1 else scores[:, 1] - scores[:, 0]
    expected = {f"pair_{name}": value for name, value in two_class_figures(scores, pairs.scores == 1).items()}
    assert figures(trainer) == pytest.approx(expected | correlations(scores, pairs.scores), abs=1e-5)
    assert len(pairs.first) == count and len(figures(trainer)) == 7


def test_more_classes_have_accuracy_and_macro_f1(toy_backbone, tmp_path):
    data, module = ToyData(batch_size=4, classes=3), toy_cross_encoder(toy_backbone, num_labels=3)
    trainer, rows = toy_trainer(tmp_path, [PairScores()]), data.rows("validation")
    trainer.validate(module, data, verbose=False)
    expected = class_figures(scores_of(module, rows.queries, rows.documents[0]), rows.labels)
    assert figures(trainer) == pytest.approx({f"pair_{name}": value for name, value in expected.items()}, abs=1e-6)


@pytest.mark.parametrize("data, num_labels, message", [
    (ToyData(batch_size=4, classes=3), 1, "rows of ToyData have 3 classes, but the model tells 2 apart"),
    (ToyData(batch_size=4, classes=4), 3, "rows of ToyData have 4 classes, but the model tells 3 apart"),
    (ToyData(batch_size=4, scores=True), 3, "rows of ToyData have no classes, but the model tells 3 apart"),
])
def test_labels_that_the_model_does_not_give_are_one_clear_line(toy_backbone, tmp_path, data, num_labels, message):
    own = ToyData(batch_size=4, classes=2) if num_labels == 1 else ToyData(batch_size=4, classes=3)
    with pytest.raises(UserError, match=message):
        toy_trainer(tmp_path, [PairScores(data=data)]).fit(toy_cross_encoder(toy_backbone, num_labels), own)


def test_a_checkpoint_monitors_it_and_training_is_undisturbed(toy_backbone, tmp_path):
    def weights(callbacks, **changes):
        pl.seed_everything(1, verbose=False)
        module = toy_cross_encoder(toy_backbone)
        toy_trainer(tmp_path, callbacks, **changes).fit(module, ToyData(batch_size=4, classes=2))
        return [parameter.detach().double().sum().item() for parameter in module.parameters()]

    scores = PairScores()
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="pair_average_precision", mode="max",
                                        filename="{step}-{pair_average_precision:.3f}")
    assert weights([scores, best], enable_checkpointing=True) == weights([])
    found = [each.metrics["pair_average_precision"] for each in scores.history.values()]
    assert len(found) == 2 and best.best_model_score.item() == pytest.approx(max(found))
    assert "pair_average_precision=" in best.best_model_path


@pytest.mark.parametrize("classes, column", [(0, "rank_of_given"), (3, "behind")])
def test_the_worst_pairs_are_tabled(toy_backbone, tmp_path, classes, column):
    logger, data = TableLogger(tmp_path), ToyData(batch_size=4, classes=classes, scores=not classes)
    trainer = toy_trainer(tmp_path, [PairScores()], logger=logger)
    trainer.validate(toy_cross_encoder(toy_backbone, max(classes, 1)), data, verbose=False)
    (key, columns, rows), = logger.tables
    assert key == "worst_misses/pair_scores" and len(rows) == 7 and column in columns and json.dumps(rows)
    if classes:
        behind = [row[columns.index("behind")] for row in rows]
        assert behind == sorted(behind, reverse=True)
        assert all((row[2] == row[3]) == (row[4] == 0) for row in rows)


class Uneven(ToyData):
    """Seven pairs, two of them equal, so that the shares of two processes differ and scores tie."""

    def rows(self, split):
        rows = super().rows(split)
        queries, documents = rows.queries[:6] + rows.queries[:1], rows.documents[0][:6] + rows.documents[0][:1]
        return PairRows(queries, [documents], np.array([1, 0, 1, 0, 1, 0, 0]))


def evaluate_in_group(rank, backbone, folder, state, expected):
    scores, module = PairScores(), toy_cross_encoder(backbone)
    module.load_state_dict(state)
    trainer = toy_trainer(folder, [scores], devices=2, strategy="ddp")
    trainer.validate(module, Uneven(batch_size=2), verbose=False)
    assert scores.found.metrics == pytest.approx(expected, abs=1e-5)
    assert {name: trainer.callback_metrics[name].item() for name in expected} == pytest.approx(expected, abs=1e-5)


def test_two_processes_find_what_one_finds(toy_backbone, tmp_path):
    scores, module = PairScores(), toy_cross_encoder(toy_backbone)
    toy_trainer(tmp_path, [scores]).validate(module, Uneven(batch_size=2), verbose=False)
    run_in_processes(2, evaluate_in_group, toy_backbone, tmp_path, module.state_dict(), scores.found.metrics)
