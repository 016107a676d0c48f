"""A teacher's scores are logits of the answer and of the negatives that were taken, in that order, and train a student."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from toys import lively, toy_texts

from lit_embed.commands import mine
from lit_embed.commands.teacher import open_one_score
from lit_embed.data import Pairs
from lit_embed.errors import UserError
from lit_embed.models import TextPairScorer


@pytest.fixture
def taught(tmp_path, toy_backbone, monkeypatch):
    """A teacher, and what `mine --teacher-scores` wrote of ten pairs, of which one is left out."""
    monkeypatch.chdir(tmp_path)
    teacher = lively(TextPairScorer(toy_backbone, max_length=48))
    teacher.save_folder("teacher")
    texts = toy_texts(20)
    rows = ["query,document", *(f"{query},{document}" for query, document in zip(texts[:10], texts[10:], strict=True)), "xyz,qqq"]
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n")
    mine.run(["mine", "--data", "pairs.csv", "--by", "bm25", "--negatives", "2", "--teacher-scores", "teacher", "--output",
              "taught.parquet"])
    return teacher


def test_the_logits_stand_beside_the_texts(taught):
    rows = pq.read_table("taught.parquet").to_pylist()
    taught.activation = "identity"
    assert 5 <= len(rows) <= 10
    for row in rows:
        expected = taught.score([(row["query"], text) for text in (row["document"], *row["negatives"])])
        np.testing.assert_allclose(row["teacher_scores"], expected, atol=1e-5)


def test_training_reads_them(taught):
    rows = Pairs("taught.parquet", negatives="negatives", teacher_scores="teacher_scores", validation="train").rows("train")
    assert rows.labels.shape == (len(rows), 3) and rows.answered


def test_a_teacher_of_several_scores_is_refused(toy_backbone, tmp_path):
    TextPairScorer(toy_backbone, 3, max_length=48).save_folder(tmp_path / "three")
    with pytest.raises(UserError, match="--teacher-scores .*three: it gives 3 scores a pair"):
        open_one_score("--teacher-scores", str(tmp_path / "three"), "float32")
