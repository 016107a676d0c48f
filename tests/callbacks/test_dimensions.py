"""At every size the figures are those of embeddings that were cut by hand."""

import numpy as np
import pytest
from scipy import stats
from toy_run import ToyData, toy_module, toy_trainer
from toys import run_in_processes

from lit_embed.callbacks import Dimensions, HitRate, Spearman
from lit_embed.errors import UserError


def logged(callbacks, backbone, folder, **data):
    module = toy_module(backbone)
    trainer = toy_trainer(folder, callbacks)
    trainer.validate(module, ToyData(batch_size=4, **data), verbose=False)
    return module, {name: value.item() for name, value in trainer.callback_metrics.items() if name != "val_loss"}


def cut_cosines(module, rows, size):
    first, second = (module.encoder.encode(texts)[:, :size] for texts in (rows.queries, rows.documents[0]))
    return [u @ v / np.linalg.norm(u) / np.linalg.norm(v) for u, v in zip(first, second, strict=True)]


def test_spearman_of_rows_with_scores(toy_backbone, tmp_path):
    module, found = logged([Dimensions([32, 8, 2]), Spearman()], toy_backbone, tmp_path, scores=True)
    rows = ToyData(scores=True).rows("validation")
    for size in (32, 8, 2):
        expected = stats.spearmanr(cut_cosines(module, rows, size), rows.labels).statistic
        assert found[f"spearman_cosine@{size}"] == pytest.approx(expected, abs=1e-5)
    assert found["spearman_cosine@32"] == pytest.approx(found["spearman_cosine"], abs=1e-6)


def test_retrieval_figures_of_questions_and_answers(toy_backbone, tmp_path):
    module, found = logged([Dimensions([32, 4], prefix="x/"), HitRate()], toy_backbone, tmp_path, held_out=30)
    for name in ("hit_rate@1", "hit_rate@10", "mrr@10", "ndcg@10"):
        assert found[f"x/{name}@32"] == pytest.approx(found[name], abs=1e-6)
    rows = ToyData(held_out=30).rows("validation")
    questions, passages = (module.encoder.encode(texts)[:, :4] for texts in (rows.queries, rows.documents[0]))
    cosine = (questions / np.linalg.norm(questions, axis=1)[:, None]) @ (passages / np.linalg.norm(passages, axis=1)[:, None]).T
    assert found["x/hit_rate@1@4"] == pytest.approx(np.mean(cosine.argmax(axis=1) == np.arange(30)))


@pytest.mark.parametrize("sizes, says", [([], "give widths"), ([0], "give widths"), ([64], "above the encoder's width, 32")])
def test_a_wrong_size_is_one_clear_line(toy_backbone, tmp_path, sizes, says):
    with pytest.raises(UserError, match=says):
        logged([Dimensions(sizes)], toy_backbone, tmp_path)


def on_two(rank, backbone, folder, expected):
    _, found = logged([Dimensions([32, 8])], backbone, folder, scores=True)
    assert found == pytest.approx(expected, abs=1e-6)


def test_two_processes_log_what_one_logs(toy_backbone, tmp_path):
    _, expected = logged([Dimensions([32, 8])], toy_backbone, tmp_path, scores=True)
    run_in_processes(2, on_two, toy_backbone, tmp_path, expected)
