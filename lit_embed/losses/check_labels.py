"""Rows that a loss cannot be trained on, said in one line before the first step."""

import numpy as np

from lit_embed.errors import UserError


def need_scores(loss: str, labels: np.ndarray | None) -> None:
    """Raises UserError unless each pair has a label, (N,)."""
    if labels is None or labels.ndim != 1:
        raise UserError(f"{loss} needs training pairs with a score each: name their column with `data.label` and its lowest "
                        "and highest value with `data.score_range`")


def need_negatives(loss: str, choices: int) -> None:
    """Raises UserError unless there is a wrong choice beside the answer."""
    if choices == 1:
        raise UserError(f"{loss} compares an answer with wrong ones: give each query negatives with `data.negatives` or "
                        "`data.random_negatives`")


def need_teacher(loss: str, labels: np.ndarray | None, choices: int) -> None:
    """Raises UserError unless a teacher scored each choice, (N, C)."""
    if labels is None or labels.ndim != 2:
        raise UserError(f"{loss} needs a teacher's score of each choice: `lit-embed mine --teacher-scores CROSS_ENCODER` "
                        "writes them, `data.teacher_scores` names their column")
    if labels.shape[1] != choices:
        raise UserError(f"{loss}: the teacher scored {labels.shape[1]} choices of each query, and the batches have {choices}: "
                        "leave out `data.random_negatives`, which no teacher scored")
    if choices == 1:
        raise UserError(f"{loss} compares choices, and each query has one only: name the negatives with `data.negatives`")
