"""An evaluation of a run on a mixture says which set it means, and speaks with that set's prefixes."""

from types import SimpleNamespace

import pytest
import torch
from toy_run import ToyData, toy_module, toy_trainer

from lit_embed.callbacks import HitRate, Spearman
from lit_embed.callbacks.named_data import named_data, prefixes_of
from lit_embed.data import Mixture
from lit_embed.errors import UserError


def mixture(**settings) -> Mixture:
    return Mixture({"qa": ToyData(batch_size=4, **settings), "sts": ToyData(batch_size=4, scores=True)})


def test_data_is_given_or_named_or_the_runs_own():
    own, other = mixture(), ToyData()
    trainer = SimpleNamespace(datamodule=own)
    assert named_data(trainer, other) is other and named_data(trainer, "sts") is own.sets["sts"]
    assert named_data(trainer, None) is own


@pytest.mark.parametrize("data, own, message", [
    (None, mixture, "the training data is a mixture of qa, sts: say which of them an evaluation looks at, for example `data: qa`"),
    ("nli", mixture, "data: nli is to be a set of the training data, which has qa, sts"),
    ("qa", lambda: ToyData(batch_size=4), "data: qa is to be a set of the training data, which is no mixture"),
])
def test_data_that_nobody_can_tell_is_one_line_before_the_first_step(data, own, message, toy_backbone, tmp_path):
    with pytest.raises(UserError, match=message):
        toy_trainer(tmp_path, [HitRate(data=data)]).fit(toy_module(toy_backbone), own())


def test_two_sets_are_evaluated_side_by_side(toy_backbone, tmp_path):
    callbacks = [Spearman(data="sts"), HitRate(data="qa", prefix="qa_")]
    trainer = toy_trainer(tmp_path, callbacks, max_epochs=1)
    trainer.fit(toy_module(toy_backbone), mixture())
    assert {"spearman_cosine", "qa_hit_rate@1", "val_loss", "val_loss/qa", "val_loss/sts"} <= set(trainer.callback_metrics)


def test_the_prefixes_of_the_data_hold_inside_and_the_encoders_after():
    encoder = SimpleNamespace(query_prefix="query: ", document_prefix="passage: ")
    with prefixes_of(ToyData(query_prefix="ask: "), encoder):
        assert (encoder.query_prefix, encoder.document_prefix) == ("ask: ", "passage: ")
    assert (encoder.query_prefix, encoder.document_prefix) == ("query: ", "passage: ")
    with prefixes_of(ToyData(query_prefix="ask: "), torch.nn.Linear(1, 1)) as nothing:       # a model that has none
        assert nothing is None


def test_a_set_with_its_own_prefix_is_evaluated_with_it(toy_backbone, tmp_path):
    found = []
    for prefix in ("", "the cat sat on the mat "):
        evaluation = Spearman(data="qa")
        trainer = toy_trainer(tmp_path, [evaluation], max_steps=1)
        trainer.validate(toy_module(toy_backbone), datamodule=mixture(query_prefix=prefix), verbose=False)
        found.append(evaluation.found.metrics["pearson_cosine"])
    assert found[0] != found[1]
