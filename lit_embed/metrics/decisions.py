"""Do scores tell true pairs from false ones, and classes from each other? Accuracy, F1 and average precision."""

import numpy as np

from lit_embed.metrics.correlations import ranks


def two_class_figures(scores: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """accuracy and f1, each at its best threshold, and average_precision.  (N,), (N,) True where true -> five numbers

    A pair is called true where its score reaches the threshold. Each threshold (accuracy_threshold, f1_threshold) is the
    best for these very pairs, as sentence-transformers reports it: what the scores can tell apart, a little better than
    what a threshold chosen beforehand would reach. It lies halfway between the two scores it parts.
    Average precision is the mean over the true pairs of the precision at their score; equal scores count as one step.

    All are nan where a score is not finite; f1 and average_precision where no pair is true.
    """
    scores, truth = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    if not len(scores) or not np.isfinite(scores).all():
        return dict.fromkeys(["accuracy", "accuracy_threshold", "f1", "f1_threshold", "average_precision"], float("nan"))
    values, group = np.unique(scores, return_inverse=True)
    # Highest score first; the first row of each calls no pair true.  All (V + 1,)
    thresholds = _thresholds(values[::-1])
    called = np.append(0, np.bincount(group)[::-1].cumsum())
    found = np.append(0, np.bincount(group, weights=truth)[::-1].cumsum())
    accuracy = (found + (~truth).sum() - (called - found)) / len(truth)
    best = accuracy.argmax()
    figures = {"accuracy": float(accuracy[best]), "accuracy_threshold": float(thresholds[best])}
    if not truth.any():
        return figures | dict.fromkeys(["f1", "f1_threshold", "average_precision"], float("nan"))
    f1 = 2 * found / (called + truth.sum())
    precision = found[1:] / called[1:]
    return figures | {"f1": float(f1.max()), "f1_threshold": float(thresholds[f1.argmax()]),
                      "average_precision": float((np.diff(found) * precision).sum() / truth.sum())}


def auc(scores: np.ndarray, truth: np.ndarray) -> float:
    """How often a true pair scores above a false one, a draw counting half: the area under the ROC curve.  (N,), (N,) -> ()

    nan where a score is not finite, or one kind of pair is missing.
    """
    scores, truth = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    true, false = int(truth.sum()), int((~truth).sum())
    if not true or not false or not np.isfinite(scores).all():
        return float("nan")
    return float((ranks(scores)[truth].sum() - true * (true + 1) / 2) / (true * false))     # Mann and Whitney's U


def _thresholds(values: np.ndarray) -> np.ndarray:                        # (V,) descending -> (V + 1,)
    middle = values[:-1] + (values[1:] - values[:-1]) / 2
    middle = np.where(middle > values[1:], middle, values[:-1])           # neighbours among numbers have none between
    return np.concatenate([[np.nextafter(values[0], np.inf)], middle, values[-1:]])


def class_figures(scores: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """accuracy, and f1 as the mean over the classes, of the class with the highest score.  (N, L), (N,) -> two numbers

    A class that neither occurs nor is ever chosen has no F1 and does not count.
    """
    scores, classes = np.asarray(scores), np.asarray(classes)
    if not len(classes) or not np.isfinite(scores).all():
        return {"accuracy": float("nan"), "f1": float("nan")}
    chosen, size = scores.argmax(axis=1), scores.shape[1]
    right = np.bincount(classes[chosen == classes], minlength=size)                                   # (L,)
    both = np.bincount(chosen, minlength=size) + np.bincount(classes, minlength=size)                 # (L,)
    return {"accuracy": float((chosen == classes).mean()), "f1": float((2 * right[both > 0] / both[both > 0]).mean())}
