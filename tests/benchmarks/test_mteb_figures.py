"""mteb's figures of a model, against the same quantities computed by hand."""

import datasets
import numpy as np
import pytest
from scipy.stats import spearmanr
from toy_mteb import toy_mteb, write

from lit_embed.benchmarks.mteb_data import load
from lit_embed.benchmarks.mteb_figures import sources, task_figures
from lit_embed.benchmarks.mteb_model import MtebModel
from lit_embed.benchmarks.mteb_tasks import open_task
from lit_embed.errors import UserError
from lit_embed.metrics import similarities
from lit_embed.models import TextEncoder

pytest.importorskip("mteb")


@pytest.fixture
def encoder(toy_backbone) -> TextEncoder:
    return TextEncoder(toy_backbone, max_length=32, query_prefix="find: ")


@pytest.fixture
def task(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    data = toy_mteb(tmp_path)

    def opened(name: str):
        task = open_task(name)
        load(task, data, lambda sentence: None)
        return task

    return opened


def test_similarity_is_the_spearman_correlation_of_its_pairs(encoder, task):
    pairs = task("STSBenchmark")
    figures = task_figures(MtebModel(encoder.encode, "toy", "1"), pairs)
    rows = pairs.dataset["validation"]
    cosine = similarities(encoder.encode(list(rows["sentence1"])), encoder.encode(list(rows["sentence2"])))["cosine"]
    assert figures["main_score"] == figures["cosine_spearman"] == pytest.approx(spearmanr(cosine, rows["score"])[0], abs=1e-6)
    assert sources(pairs)[0]["splits"] == ["validation"] and sources(pairs)[0]["revision"] == "local"


def test_retrieval_puts_the_prefixes_where_they_belong(encoder, task):
    roles = []

    def encode(texts: list[str], role: str) -> np.ndarray:
        roles.append((role, len(texts)))
        return encoder.encode(texts, role)

    figures = task_figures(MtebModel(encode, "toy", "1"), task("SciFact"))
    assert sorted(roles) == [("document", 30), ("query", 6)] and 0 < figures["ndcg_at_10"] <= 1
    assert figures["main_score"] == figures["ndcg_at_10"] and all(isinstance(value, float) for value in figures.values())


def test_rows_without_the_labels_of_the_task_are_one_line(encoder, task, tmp_path):
    for split in ("train", "test"):
        write(tmp_path / f"data/banking77/{split}.jsonl", [{"text": "a cat", "intent": 1}])
    with pytest.raises(UserError, match="Banking77Classification: mteb cannot evaluate the rows of .*banking77 .*label"):
        task_figures(MtebModel(encoder.encode, "toy", "1"), task("Banking77Classification"))


def test_classification_is_the_same_every_time(encoder, task):
    model = MtebModel(encoder.encode, "toy", "1")
    first, again = (task_figures(model, task("Banking77Classification")) for _ in range(2))
    assert first == again and 0 < first["accuracy"] < 1 and "scores_per_experiment" not in first
