"""Accuracy, F1 and average precision against loops over every threshold, and against what others report."""

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import (binary_auroc, binary_average_precision, multiclass_accuracy,
                                                         multiclass_f1_score)

from lit_embed.metrics import auc, class_figures, two_class_figures


def naive_figures(scores, truth):
    """Every threshold in turn, pair by pair."""
    best = {"accuracy": 0.0, "f1": 0.0}
    for threshold in [*scores, math.inf]:
        called = [score >= threshold for score in scores]
        right = sum(a and b for a, b in zip(called, truth))
        accuracy = sum(a == b for a, b in zip(called, truth)) / len(truth)
        f1 = 2 * right / (sum(called) + sum(truth))
        best = {"accuracy": max(best["accuracy"], accuracy), "f1": max(best["f1"], f1)}
    precisions = []
    for score in [score for score, true in zip(scores, truth) if true]:
        above = [true for other, true in zip(scores, truth) if other >= score]
        precisions.append(sum(above) / len(above))
    return best | {"average_precision": sum(precisions) / len(precisions)}


def naive_macro_f1(chosen, classes, count):
    values = []
    for one in range(count):
        right = sum(a == b == one for a, b in zip(chosen, classes))
        either = sum(a == one for a in chosen) + sum(b == one for b in classes)
        values += [2 * right / either] if either else []
    return sum(values) / len(values)


def some_pairs(seed, ties):
    rng = np.random.default_rng(seed)
    truth = rng.random(50) < 0.3
    scores = rng.normal(size=50) + truth
    return (scores.round() if ties else scores).astype(np.float32), truth


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_figures_match_the_naive_loop(seed, ties):
    scores, truth = some_pairs(seed, ties)
    found = two_class_figures(scores, truth)
    assert {name: found[name] for name in ("accuracy", "f1", "average_precision")} == pytest.approx(
        naive_figures(scores.tolist(), truth.tolist()), abs=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_the_thresholds_give_the_figures(ties):
    scores, truth = some_pairs(7, ties)
    found = two_class_figures(scores, truth)
    assert ((scores >= found["accuracy_threshold"]) == truth).mean() == found["accuracy"]
    called = scores >= found["f1_threshold"]
    assert 2 * (called & truth).sum() / (called.sum() + truth.sum()) == found["f1"]
    assert found["f1_threshold"] not in scores or found["f1_threshold"] == scores.min()


@pytest.mark.parametrize("ties", [False, True])
def test_figures_are_those_of_sentence_transformers_and_torchmetrics(ties):
    import torch
    from sentence_transformers.sentence_transformer.evaluation import BinaryClassificationEvaluator as Peer

    scores, truth = some_pairs(3, ties)
    found = two_class_figures(scores, truth)
    accuracy, threshold = Peer.find_best_acc_and_threshold(scores, truth.astype(int), True)
    assert (found["accuracy"], found["accuracy_threshold"]) == pytest.approx((accuracy, threshold), abs=1e-6)
    f1, _, _, threshold = Peer.find_best_f1_and_threshold(scores, truth.astype(int), True)
    assert (found["f1"], found["f1_threshold"]) == pytest.approx((f1, threshold), abs=1e-6)
    places = torch.from_numpy(np.unique(scores, return_inverse=True)[1]) / 1000      # torchmetrics wants 0 to 1
    assert found["average_precision"] == pytest.approx(
        binary_average_precision(places, torch.from_numpy(truth).long()).item(), abs=1e-6)


def test_figures_derived_by_hand():
    """0.9 true, 0.8 false, 0.7 true, 0.1 false.

    Accuracy: above 0.85 or above 0.4, 3 of 4; the higher threshold stands first. F1: above 0.4, 2 * 2 / (3 + 2) = 0.8.
    Average precision: (1 / 1 + 2 / 3) / 2 = 5 / 6.
    """
    assert two_class_figures(np.array([0.8, 0.9, 0.1, 0.7]), np.array([False, True, False, True])) == pytest.approx(
        {"accuracy": 0.75, "accuracy_threshold": 0.85, "f1": 0.8, "f1_threshold": 0.4, "average_precision": 5 / 6})


def test_a_model_that_says_the_same_of_all_pairs_has_the_share_of_true_ones():
    found = two_class_figures(np.full(4, 0.5), np.array([True, False, False, False]))
    assert found == pytest.approx({"accuracy": 0.75, "accuracy_threshold": 0.5, "f1": 0.4, "f1_threshold": 0.5,
                                   "average_precision": 0.25})
    assert found["accuracy_threshold"] > 0.5                                          # nothing is called true


def test_neighbouring_numbers_are_parted():
    low, high = 1.0, np.nextafter(1.0, 2)
    found = two_class_figures(np.array([low, high]), np.array([False, True]))
    assert found["accuracy"] == found["f1"] == 1 and low < found["f1_threshold"] <= high


@pytest.mark.parametrize("scores, truth, known", [
    ([0.2, math.nan], [True, False], set()),
    ([], [], set()),
    ([0.2, 0.4], [False, False], {"accuracy", "accuracy_threshold"}),
])
def test_what_does_not_exist_is_nan_without_a_warning(scores, truth, known):
    found = two_class_figures(np.array(scores), np.array(truth, dtype=bool))
    assert {name for name, value in found.items() if not math.isnan(value)} == known and len(found) == 5


@pytest.mark.parametrize("present", [[0, 1, 2], [0, 2]])
def test_classes_match_the_naive_loop_and_torchmetrics(present):
    import torch

    rng = np.random.default_rng(1)
    classes, scores = rng.choice(present, size=40), rng.normal(size=(40, 3)).astype(np.float32)
    if present == [0, 2]:
        scores[:, 1] = -9                                                             # never chosen, never there
    found, chosen = class_figures(scores, classes), scores.argmax(axis=1)
    assert found == pytest.approx({"accuracy": np.mean(chosen == classes), "f1": naive_macro_f1(chosen, classes, 3)})
    both = torch.from_numpy(scores), torch.from_numpy(classes)
    assert found["f1"] == pytest.approx(multiclass_f1_score(*both, num_classes=3).item(), abs=1e-6)
    assert found["accuracy"] == pytest.approx(multiclass_accuracy(*both, 3, average="micro").item(), abs=1e-6)


def test_classes_of_a_diverged_model_or_of_nothing_are_nan():
    for scores in (np.array([[0.1, math.nan]]), np.zeros((0, 3))):
        assert all(math.isnan(value) for value in class_figures(scores, np.zeros(len(scores), dtype=int)).values())


@pytest.mark.parametrize("count", [2, 7, 60])
def test_auc_counts_every_true_pair_against_every_false_one(count):
    rng = np.random.default_rng(count)
    scores, truth = rng.integers(0, 9, count) / 8, np.arange(count) % 3 == 1                       # with draws
    wins = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert auc(scores, truth) == pytest.approx(sum(wins) / len(wins))
    theirs = binary_auroc(torch.from_numpy(scores), torch.from_numpy(truth).long())
    assert auc(scores, truth) == pytest.approx(float(theirs), abs=1e-6)


def test_auc_of_one_kind_or_of_nan_is_nan():
    assert all(math.isnan(auc(*each)) for each in [([1, 2], [1, 1]), ([1, 2], [0, 0]), ([math.nan, 1], [1, 0]), ([], [])])
