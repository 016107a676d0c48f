"""Lightning's accumulate_grad_batches: the gradient of the whole batch where the loss is a mean over pairs, and another
loss where the pairs of a batch are each other's negatives."""

from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from short_fit import pairs_file, trainer_in, weights
from toys import lively

from lit_embed.data import Pairs
from lit_embed.losses import CosineRegression, InfoNCE, ListwiseSoftmax, SoftmaxClassification
from lit_embed.models import TextEncoder, TextPairScorer
from lit_embed.modules import BiEncoder, CrossEncoder

ROWS = 8                    # of an optimizer step
SCORES, CLASSES = {"label": "score", "score_range": (0, 1)}, {"label": "kind", "classes": 3}
MEANS = {"cosine": (CosineRegression, SCORES), "softmax": (SoftmaxClassification, CLASSES),
         "relevance": (lambda: None, {"random_negatives": 1}), "classes": (lambda: None, CLASSES),
         "listwise": (ListwiseSoftmax, {"random_negatives": 2})}


class Gradients(pl.Callback):
    """What each optimizer step is taken with, and the gradient of each batch alone."""

    def __init__(self):
        self.steps, self.parts, self._before = [], [], torch.zeros(())

    def on_after_backward(self, trainer, module):
        total = flat(module)
        self.parts.append((total - self._before) * trainer.accumulate_grad_batches)
        self._before = total

    def on_before_optimizer_step(self, trainer, module, optimizer):
        self.steps.append(flat(module))
        self._before = torch.zeros(())


def flat(module: pl.LightningModule) -> torch.Tensor:
    return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten().clone() for p in module.parameters()])


def module_for(loss: str, backbone: str) -> pl.LightningModule:
    """In float64 and without dropout, whose random numbers fall differently on each part."""
    torch.manual_seed(0)
    made = MEANS[loss][0]() if loss in MEANS else InfoNCE(0.1)
    if loss in ("relevance", "classes", "listwise"):
        scorer = lively(TextPairScorer(backbone, 3 if loss == "classes" else 1, max_length=48))
        module = CrossEncoder(scorer, made, learning_rate=1e-3)
    else:
        module = BiEncoder(TextEncoder(backbone, max_length=32), made, learning_rate=1e-3)
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return module.double()


def fit(loss: str, folder: Path, backbone: str, path: str, parts: int, world: int = 1,
        **settings) -> tuple[Gradients, dict]:
    """One epoch of four steps, each of ROWS pairs in so many parts on each process.  -> gradients, the last weights"""
    module, seen = module_for(loss, backbone), Gradients()
    labels = MEANS[loss][1] if loss in MEANS else {}
    data = Pairs(path=path, validation=0.2, batch_size=ROWS // parts // world, **labels)
    trainer_in(folder, max_epochs=1, accumulate_grad_batches=parts, callbacks=[seen], **settings).fit(module, data)
    return seen, weights(module)


@pytest.mark.parametrize("loss", MEANS)
def test_a_mean_over_pairs_has_the_gradient_of_the_whole_batch(loss, toy_backbone, tmp_path):
    path = pairs_file(tmp_path)
    (whole, end), (parts, end_of_parts) = (fit(loss, tmp_path, toy_backbone, path, parts) for parts in (1, 2))
    assert len(parts.steps) == len(whole.steps) == 4 and len(parts.parts) == 8
    torch.testing.assert_close(parts.steps, whole.steps, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(end_of_parts, end, rtol=1e-6, atol=1e-9)


def test_info_nce_in_parts_is_the_mean_of_the_parts_and_no_larger_batch(toy_backbone, tmp_path):
    """Each part has its own negatives, half as many: another loss, with another gradient."""
    path = pairs_file(tmp_path)
    (whole, _), (parts, _) = (fit("info_nce", tmp_path, toy_backbone, path, parts) for parts in (1, 2))
    first, second, *_ = parts.parts
    torch.testing.assert_close(parts.steps[0], (first + second) / 2, rtol=1e-6, atol=1e-9)
    alone, _ = fit("info_nce", tmp_path, toy_backbone, path, 1, 2)             # the part as a batch of its own
    torch.testing.assert_close(alone.steps[0], first, rtol=1e-6, atol=1e-9)
    assert torch.linalg.vector_norm(parts.steps[0] - whole.steps[0]) > 0.1 * torch.linalg.vector_norm(whole.steps[0])
