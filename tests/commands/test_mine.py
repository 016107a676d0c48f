"""From a file of pairs to a parquet that training reads: whoever looks for candidates, whatever is asked of them."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from toys import toy_texts

from lit_embed.commands import mine
from lit_embed.data import Pairs
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder, TextPairScorer

ROWS = 30


@pytest.fixture
def pairs(tmp_path):
    """Thirty rows of 24 questions; every third answer stands under two questions."""
    texts = toy_texts(2 * ROWS)
    rows = [(texts[i % 24], texts[ROWS + (i if i % 3 else 0)]) for i in range(ROWS)]
    (tmp_path / "pairs.csv").write_text("\n".join(["Q,answer", *map(",".join, rows)]) + "\n", encoding="utf8")
    return rows


@pytest.fixture
def mined(tmp_path, pairs, monkeypatch, capsys):
    """mined("--by", "bm25", ...) -> rows of the parquet, the report, what was printed."""
    monkeypatch.chdir(tmp_path)

    def run(*options: str, output: str = "mined.parquet"):
        mine.run(["mine", "--data", "pairs.csv", "--query", "Q", "--document", "answer", "--output", output,
                  "--report", "report.json", *options])
        report = json.loads((tmp_path / "report.json").read_text())
        return pq.read_table(output).to_pylist(), report, capsys.readouterr()

    return run


def check(pairs, rows, count):
    """What holds whoever mines."""
    for row in rows:
        known = {answer for question, answer in pairs if question == row["query"]}
        assert row["document"] in known and len(set(row["negatives"])) == len(row["negatives"]) == count
        assert not known & set(row["negatives"]) and row["query"] not in row["negatives"]
        assert set(row["negatives"]) <= {answer for _, answer in pairs} and len(row["negative_scores"]) == count


def test_random_negatives_for_every_pair_in_the_order_of_the_file(mined, pairs):
    rows, report, printed = mined("--by", "random")
    check(pairs, rows, 3)
    assert [(row["query"], row["document"]) for row in rows] == pairs
    assert rows[0]["positive_score"] is None and rows[0]["negative_scores"] == [None] * 3
    assert report["pairs"] == report["pairs_mined"] == ROWS and report["questions"] == 24
    assert "30 of 30 pairs have 3 mined negatives" in printed.out and "mining" in printed.err


def test_bm25_keeps_its_margins_and_the_table_says_what_they_removed(mined, pairs):
    loose, all_of_them, _ = mined("--by", "bm25", "--negatives", "1", "--ranks", "1", "20")
    rows, report, printed = mined("--by", "bm25", "--negatives", "1", "--ranks", "2", "20", "--relative-margin", "0.1")
    check(pairs, rows, 1)
    assert all(row["negative_scores"][0] <= 0.9 * row["positive_score"] for row in rows)
    assert any(row["negative_scores"][0] > 0.9 * row["positive_score"] for row in loose)
    removed = report["removed"]
    assert removed["rank"] == ROWS and removed["relative margin"] > 0 == removed["margin"]
    assert all_of_them["removed"]["rank"] == 0
    assert report["candidates"] == sum(removed.values()) + report["left"]
    assert report["pairs_left_out"] == ROWS - len(rows) > 0 and 0 < len(report["examples"]) <= 10
    assert f"removed: relative margin 0.1 {removed['relative margin']}" in " ".join(printed.out.split())
    assert "removed: margin" not in printed.out


def test_the_model_brings_its_nearest_passages(mined, pairs, toy_backbone):
    rows, report, _ = mined("--by", "model", "--model", toy_backbone, "--negatives", "2", "--ranks", "1", "5")
    check(pairs, rows, 2)
    encoder = TextEncoder.from_folder(toy_backbone)
    for row in rows[:5]:
        texts = sorted({answer for _, answer in pairs} - {answer for asked, answer in pairs if asked == row["query"]})
        question, vectors = encoder.encode([row["query"]], "query")[0], encoder.encode(texts, "document")
        cosine = vectors @ question / np.linalg.norm(vectors, axis=1) / np.linalg.norm(question)
        assert row["negatives"] == [texts[i] for i in np.argsort(-cosine)[:2]]
        np.testing.assert_allclose(row["negative_scores"], np.sort(-cosine)[:2] * -1, atol=1e-5)


def test_a_cross_encoder_judges_what_bm25_found(mined, pairs, toy_backbone, tmp_path):
    scorer = TextPairScorer(toy_backbone, max_length=64)
    scorer.save_folder(tmp_path / "scorer")
    rows, _, _ = mined("--by", "bm25", "--judge", "scorer", "--negatives", "1", "--ranks", "1", "6", "--margin", "0")
    check(pairs, rows, 1)
    for row in rows:
        scores = scorer.score([(row["query"], row["document"]), (row["query"], row["negatives"][0])])
        np.testing.assert_allclose([row["positive_score"], *row["negative_scores"]], scores, atol=1e-5)
        assert scores[1] <= scores[0] + 1e-6


@pytest.mark.parametrize("options", [("--by", "bm25", "--sample", "random"), ("--by", "random"),
                                     ("--by", "bm25", "--margin", "0.5", "--fill", "random")])
def test_two_runs_write_the_same_bytes_and_another_seed_others(mined, options, tmp_path):
    for name, seed in [("a", "1"), ("b", "1"), ("c", "2")]:
        mined(*options, "--seed", seed, output=f"{name}.parquet")
    first, again, other = ((tmp_path / f"{name}.parquet").read_bytes() for name in "abc")
    assert first == again != other


def test_filled_up_no_pair_is_left_out(mined, pairs):
    options = ("--by", "bm25", "--negatives", "2", "--ranks", "1", "4", "--margin", "0.5")
    some, short, _ = mined(*options)
    rows, report, _ = mined(*options, "--fill", "random")
    check(pairs, rows, 2)
    assert len(rows) == ROWS > len(some) and report["pairs_left_out"] == 0
    assert report["pairs_filled"] == short["pairs_left_out"]


def test_more_passages_can_be_mined_from(mined, tmp_path):
    (tmp_path / "more.txt").write_text("a passage of its own\n\nand one more of them\n", encoding="utf8")
    rows, report, _ = mined("--by", "random", "--negatives", "20", "--corpus", "more.txt")
    assert any("a passage of its own" in row["negatives"] for row in rows) and report["passages"] == 21 + 2
    assert not any("" in row["negatives"] for row in rows)


def test_pairs_read_what_was_mined(mined, pairs):
    mined("--by", "bm25", "--negatives", "2")
    rows = Pairs(path="mined.parquet", negatives="negatives", validation=0.2).rows("train")
    assert len(rows.documents) == 3 and set(zip(rows.queries, rows.documents[0])) <= set(pairs)


@pytest.mark.parametrize("options, message", [
    (("--by", "model"), "--by model takes candidates from the model of --model FOLDER"),
    (("--by", "bm25", "--model", "x"), "--by model takes candidates from the model of --model FOLDER"),
    (("--by", "random", "--margin", "0.1"), "--by random gives no scores"),
    (("--by", "bm25", "--output", "mined.csv"), "--output mined.csv: the name must end in .parquet"),
    (("--by", "bm25", "--ranks", "5", "2"), "ranks 5 to 2"),
    (("--by", "bm25", "--document", "reply"), "no column 'reply'"),
    (("--by", "bm25", "--max-score", "-5"), "none of the 30 pairs got 3 negatives: of .* candidates 0 passed all rule"),
    (("--by", "bm25", "--judge", "nowhere"), "no cross-encoder in nowhere"),
    (("--by", "model", "--model", "nowhere"), "no model in nowhere"),
])
def test_what_cannot_work_is_one_line_and_nothing_is_written(mined, tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        mined(*options)
    assert not list(tmp_path.glob("*.parquet"))
