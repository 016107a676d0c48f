"""The callback re-ranks as a loop over questions would: what BM25 found, in the order of the encoder's scores."""

import json

import numpy as np
import pytest
import pytorch_lightning as pl
from toy_run import ToyData, toy_cross_encoder, toy_trainer
from toys import run_in_processes
from wandb_double import TableLogger

from lit_embed.batches import PairRows
from lit_embed.callbacks import PairScores, Rerank, Report
from lit_embed.errors import UserError
from lit_embed.search import Bm25

QUESTIONS = ["where is the cat", "where is the dog", "who reads a book", "who writes a letter", "what is the sea",
             "where is the cat", "xyzzy"]
PASSAGES = ["the cat sat on the mat", "the dog ran home", "a woman reads her book", "a man writes",
            "all the wide water under the sky, far from any house, we call sea", "a cat walks home",
            "the sea, the deep blue sea"]


class Passages(ToyData):
    """Six questions, one with two answers, one that shares no word with any passage; seven passages."""

    def rows(self, split):
        return super().rows(split) if split == "train" else PairRows(QUESTIONS, [PASSAGES])


def naive_figures(module, candidates):
    """Question by question: hits, reciprocal ranks and gains of BM25's order and of the encoder's."""
    lists = {"bm25": [], "rerank": []}
    bm25 = Bm25.build(PASSAGES)
    for question in dict.fromkeys(QUESTIONS):
        answers = {PASSAGES[i] for i, asked in enumerate(QUESTIONS) if asked == question}
        found = [PASSAGES[place] for place in bm25.search([question], candidates)[1][0] if place >= 0]
        scores = module.encoder.score([(question, text) for text in found])
        ordered = [found[i] for i in sorted(range(len(found)), key=lambda i: -scores[i])]
        for name, texts in [("bm25", found), ("rerank", ordered)]:
            lists[name].append([text in answers for text in texts])
    figures = {f"bm25_hit_rate@{candidates}": np.mean([any(right) for right in lists["bm25"]])}
    for name, rights in lists.items():
        for k in (1, 5, 10):
            figures[f"{name}_hit_rate@{k}"] = np.mean([any(right[:k]) for right in rights])
        figures[f"{name}_mrr@10"] = np.mean([1 / (right.index(True) + 1) if any(right) else 0 for right in rights])
        gains = [sum(hit / np.log2(rank + 2) for rank, hit in enumerate(right)) for right in rights]
        ideal = [1 + 1 / np.log2(3) if question == "where is the cat" else 1 for question in dict.fromkeys(QUESTIONS)]
        figures[f"{name}_ndcg@10"] = np.mean(np.array(gains) / ideal)
    return figures


def other_data():
    """What the model is trained on: re-ranking has passages of its own."""
    return ToyData(batch_size=4, classes=2)


@pytest.mark.parametrize("stage", ["validate", "test"])
@pytest.mark.parametrize("candidates", [1, 3, 30])
def test_validate_and_test_log_what_the_loop_finds(toy_backbone, tmp_path, stage, candidates):
    rerank, module = Rerank(Passages(), candidates=candidates), toy_cross_encoder(toy_backbone)
    trainer = toy_trainer(tmp_path, [rerank])
    getattr(trainer, stage)(module, other_data(), verbose=False)
    found = {name: value.item() for name, value in trainer.callback_metrics.items() if "@" in name}
    assert found == pytest.approx(naive_figures(module, candidates), abs=1e-6)
    assert found["rerank_hit_rate@10"] <= found[f"bm25_hit_rate@{candidates}"] < 1        # what was missed stays missed


def test_a_model_that_knows_the_answers_reaches_the_most_that_bm25_leaves(toy_backbone, tmp_path):
    module, rerank, known = toy_cross_encoder(toy_backbone), Rerank(Passages()), set(zip(QUESTIONS, PASSAGES))
    module.encoder.score = lambda pairs: np.array([pair in known for pair in pairs], dtype=np.float32)
    toy_trainer(tmp_path, [rerank]).validate(module, other_data(), verbose=False)
    found = rerank.found.metrics
    assert found["bm25_hit_rate@1"] < found["rerank_hit_rate@1"] == found["bm25_hit_rate@30"] == pytest.approx(5 / 6)


def test_questions_are_drawn_once_and_asked_of_all_passages(toy_backbone, tmp_path):
    rerank, asked = Rerank(Passages(), questions=3), []
    module = toy_cross_encoder(toy_backbone)
    score = module.encoder.score
    module.encoder.score = lambda pairs: asked.append({question for question, _ in pairs}) or score(pairs)
    toy_trainer(tmp_path, [rerank]).fit(module, other_data())
    assert len(rerank.task(None, "validation")) == 3 and rerank.found.corpus == len(PASSAGES)
    assert len(asked) == 2 and asked[0] == asked[1] <= set(QUESTIONS)


def test_samples_show_both_orders(toy_backbone, tmp_path):
    rerank, module = Rerank(Passages()), toy_cross_encoder(toy_backbone)
    toy_trainer(tmp_path, [rerank]).validate(module, other_data(), verbose=False)
    assert len(rerank.found.samples) == 3 and {len(sample["found"]) for sample in rerank.found.samples} == {0, 3}
    for sample in rerank.found.samples:
        answers = {PASSAGES[i] for i, question in enumerate(QUESTIONS) if question == sample["question"]}
        before = sample["retrieved"]
        assert before["by"] == "bm25" and len(before["found"]) == len(sample["found"])
        for shown in (sample, before):
            assert shown["right"] == [text in answers for text in shown["found"]]
        scores = module.encoder.score([(sample["question"], text) for text in sample["found"]]).tolist()
        assert scores == sorted(scores, reverse=True)


def test_the_report_shows_the_floor_and_both_orders(toy_backbone, tmp_path, capsys):
    callbacks = [Rerank(Passages(), candidates=4), PairScores(), Report()]
    toy_trainer(tmp_path, callbacks, max_epochs=1).fit(toy_cross_encoder(toy_backbone), other_data())
    shown = capsys.readouterr().out
    assert all(name in shown for name in ("rerank_mrr@10", "bm25_mrr@10", "bm25_hit_rate@4", "pair_f1_threshold"))
    assert "7 passages searched" in shown and "bm25    - nothing" in shown
    assert [shown.count(f"{when:6}  1") for when in ("bm25", "before", "after")] == [2, 2, 2]


def test_the_answers_ranked_last_are_tabled(toy_backbone, tmp_path):
    logger = TableLogger(tmp_path)
    trainer = toy_trainer(tmp_path, [Rerank(Passages())], logger=logger)
    trainer.validate(toy_cross_encoder(toy_backbone), other_data(), verbose=False)
    (key, columns, rows), = logger.tables
    ranks = [row[columns.index("rank_of_answer")] for row in rows]
    assert key == "worst_misses/rerank" and len(rows) == 5 and ranks == sorted(ranks, reverse=True) and json.dumps(rows)
    for question, answer, after, before, first in rows:
        assert (answer == first) == (after == 1) and before >= 1
        assert answer in {PASSAGES[i] for i, asked in enumerate(QUESTIONS) if asked == question}


def test_a_checkpoint_monitors_a_name_with_an_at_sign(toy_backbone, tmp_path):
    rerank = Rerank(Passages(), prefix="own/")
    best = pl.callbacks.ModelCheckpoint(tmp_path, monitor="own/rerank_mrr@10", mode="max", filename="{step}")
    trainer = toy_trainer(tmp_path, [rerank, best], enable_checkpointing=True)
    trainer.fit(toy_cross_encoder(toy_backbone), other_data())
    figures = [found.metrics["own/rerank_mrr@10"] for found in rerank.history.values()]
    assert len(figures) == 2 and best.best_model_score.item() == pytest.approx(max(figures))


@pytest.mark.parametrize("own, num_labels, message", [
    (ToyData(scores=True), 1, "ToyData have labels: use PairScores"),
    (Passages(), 2, "one score, but the model gives 2 a pair"),
])
def test_what_cannot_be_ranked_is_one_clear_line(toy_backbone, tmp_path, own, num_labels, message):
    with pytest.raises(UserError, match=message):
        toy_trainer(tmp_path, [Rerank(own)]).fit(toy_cross_encoder(toy_backbone, num_labels), other_data())


@pytest.mark.parametrize("numbers", [{"candidates": 0}, {"questions": 0}])
def test_no_candidates_and_no_questions_are_refused(numbers):
    with pytest.raises(UserError, match="at least 1"):
        Rerank(**numbers)


def evaluate_in_group(rank, backbone, folder, state, found):
    rerank, module = Rerank(Passages()), toy_cross_encoder(backbone)
    module.load_state_dict(state)
    trainer = toy_trainer(folder, [rerank], devices=2, strategy="ddp")
    trainer.validate(module, ToyData(batch_size=2, classes=2), verbose=False)
    assert rerank.found.metrics == pytest.approx(found.metrics, abs=1e-9) and rerank.found.samples == found.samples
    assert trainer.callback_metrics["rerank_mrr@10"].item() == pytest.approx(found.metrics["rerank_mrr@10"])


def test_two_processes_find_what_one_finds(toy_backbone, tmp_path):
    rerank, module = Rerank(Passages()), toy_cross_encoder(toy_backbone)
    toy_trainer(tmp_path, [rerank]).validate(module, other_data(), verbose=False)
    run_in_processes(2, evaluate_in_group, toy_backbone, tmp_path, module.state_dict(), rerank.found)
