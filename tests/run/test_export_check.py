"""The comparison sees what differs, asks each role where there are prefixes, and takes the texts that are there."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from toys import lively, toy_texts

from lit_embed.errors import UserError
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.run import export_check
from lit_embed.run.export_check import Agreement, check_pairs, check_texts, compare, compare_scores, sentence_transformers_reads

TEXTS = toy_texts(6)


def test_the_figures_are_those_of_the_loop(toy_backbone):
    encoder = TextEncoder(toy_backbone)
    noise = np.random.default_rng(0).normal(size=(6, 32)) / 10
    found = compare(encoder, lambda texts, role: encoder.encode(texts) + noise, TEXTS, "toys")
    ours, theirs = encoder.encode(TEXTS), encoder.encode(TEXTS) + noise
    ours, theirs = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (ours, theirs))
    cosines = [float(a @ b) for a, b in zip(ours, theirs)]
    pairs = [(i, j) for i in range(6) for j in range(i)]
    order = spearmanr(*([float(x[i] @ x[j]) for i, j in pairs] for x in (ours, theirs))).statistic
    assert (found.texts, found.source) == (6, "toys")
    assert found.difference == pytest.approx(np.abs(ours - theirs).max(), rel=1e-4)
    assert (found.lowest, found.mean, found.order) == pytest.approx((min(cosines), np.mean(cosines), order), rel=1e-5)


def test_a_prefix_that_was_lost_is_seen(toy_backbone):
    encoder = TextEncoder(toy_backbone, query_prefix="red ")
    assert compare(encoder, encoder.encode, TEXTS, "").difference < 1e-9
    assert compare(encoder, lambda texts, role: encoder.encode(texts), TEXTS, "").difference > 1e-3


@pytest.mark.parametrize(("difference", "lowest", "mean", "as_float", "as_int8"), [
    (9e-6, 1, 1, True, True), (2e-5, 1, 1, False, True), (0.1, 0.91, 0.96, False, True), (0.1, 0.89, 0.96, False, False),
    (0.1, 0.91, 0.94, False, False), (float("nan"), float("nan"), float("nan"), False, False)])
def test_what_is_near_enough(difference, lowest, mean, as_float, as_int8):
    found = Agreement(5, "toys", difference, lowest, mean, 1.0)
    for int8, allowed in ((False, as_float), (True, as_int8)):
        if allowed:
            found.refuse(int8)
        else:
            with pytest.raises(UserError, match=r"5 texts \(toys\).*nothing was written"):
                found.refuse(int8)


@pytest.mark.filterwarnings("default")              # what another library warns of is its own affair
def test_another_cross_encoder_is_seen(toy_backbone, tmp_path):
    scorer = lively(TextPairScorer(toy_backbone, max_length=32, document_prefix="red "))
    scorer.save_folder(tmp_path / "same")
    lively(TextPairScorer(toy_backbone, max_length=32)).save_folder(tmp_path / "other")
    pairs = list(zip(TEXTS, TEXTS[::-1]))
    assert compare_scores(scorer, tmp_path / "same", pairs, "toys").startswith("6 pairs (toys): scores differ by")
    with pytest.raises(UserError, match=r"its scores of 6 pairs \(toys\) differ by"):
        compare_scores(scorer, tmp_path / "other", pairs, "toys")


def test_without_sentence_transformers_our_own_reader_reads(toy_backbone, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(export_check.importlib.util, "find_spec", lambda name: None)
    encoder = TextEncoder(toy_backbone, max_length=32)
    encoder.save_folder(tmp_path / "model")
    np.testing.assert_allclose(sentence_transformers_reads(tmp_path / "model")(TEXTS, "query"), encoder.encode(TEXTS), atol=1e-6)
    assert "sentence-transformers is not installed" in capsys.readouterr().err
    scorer = TextPairScorer(toy_backbone, max_length=32)
    scorer.save_folder(tmp_path / "scorer")
    assert "differ by" in compare_scores(scorer, tmp_path / "scorer", [("a", "b")], "toys")


def test_texts_are_those_given_else_our_own_each_once_and_none_empty(tmp_path):
    assert check_texts(None, ["a", "b", "a", " ", "c"]) == (["a", "b", "c"], "given with --texts")
    assert check_pairs(tmp_path, None)[1] == check_texts(None, None)[1] == "built-in sentences"
    with pytest.raises(UserError, match="--texts holds 2 texts: three at least"):
        check_texts(None, ["a", " ", "b"])
    texts, _ = check_texts(None, None)
    assert len(texts) == len(export_check.SENTENCES) and max(map(len, texts)) > 800
