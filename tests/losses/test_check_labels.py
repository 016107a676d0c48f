"""What a loss cannot be trained on is said in one line that names the loss and the field to set."""

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.losses import BinaryRelevance, CoSENT, CosineRegression, KLDistillation, MarginMSE, Matryoshka

TEACHER = np.zeros((5, 3), dtype=np.float32)


@pytest.mark.parametrize("loss, labels, choices, says", [
    (CoSENT(), None, 1, "CoSENT needs .*`data.label`"),
    (CosineRegression(), None, 1, "CosineRegression needs .*`data.label`"),
    (CosineRegression(), TEACHER, 3, "with a score each"),
    (Matryoshka(CoSENT(), [4]), None, 1, "CoSENT needs"),
    (MarginMSE(), None, 3, "MarginMSE needs .*--teacher-scores"),
    (KLDistillation(), TEACHER[:, 0], 3, "KLDistillation needs"),
    (MarginMSE(), TEACHER, 4, "scored 3 choices of each query, and the batches have 4"),
    (KLDistillation(), TEACHER[:, :1], 1, "each query has one only"),
])
def test_rows_that_cannot_be_trained_on_are_refused(loss, labels, choices, says):
    with pytest.raises(UserError, match=says):
        loss.check(labels, choices)


def test_a_teachers_scores_are_no_labels_of_a_cross_encoder():
    with pytest.raises(UserError, match="data.teacher_scores"):
        BinaryRelevance().check(TEACHER, 3, 1)


def test_rows_that_can_are_not():
    for loss in (CoSENT(), CosineRegression(), Matryoshka(CoSENT(), [4])):
        loss.check(np.zeros(5, dtype=np.float32), 1)
    for loss in (MarginMSE(), KLDistillation(), Matryoshka(MarginMSE(), [4])):
        loss.check(TEACHER, 3)
