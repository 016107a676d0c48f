"""The line that says where a NaN came from: the text, the module, the parameter, the loss."""

import pytest
import torch
from poison import Poison
from pytorch_lightning.strategies import DDPStrategy
from toy_run import ToyData, toy_cross_encoder, toy_module, toy_trainer
from toys import run_in_processes

from lit_embed.batches import PairRows
from lit_embed.callbacks import Numerics
from lit_embed.errors import UserError


def line_of(folder, module, data=None, callbacks=(), **changes) -> str:
    trainer = toy_trainer(folder, [*callbacks, Numerics()], **changes)
    with pytest.raises(UserError) as stopped:
        trainer.fit(module, data or ToyData(batch_size=4))
    return str(stopped.value)


def texts(data=None) -> PairRows:
    return (data or ToyData()).rows("train")


@pytest.mark.parametrize("which, name", [("queries", "query"), ("documents", "document")])
def test_a_text_is_named_by_its_words(which, name, toy_backbone, tmp_path):
    text = (texts().queries if which == "queries" else texts().documents[0])[5]
    line = line_of(tmp_path, toy_module(toy_backbone), callbacks=[Poison(text)])
    assert line.startswith("step ") and f"the embedding of {name} " in line and " of 4 is not finite: " in line
    assert f"'{text}'; the first tensor that is not finite is the output of the encoder (not again" in line


def test_a_cross_encoders_pair_is_named_by_both_texts(toy_backbone, tmp_path):
    data = ToyData(batch_size=4, classes=2)
    rows = texts(data)
    line = line_of(tmp_path, toy_cross_encoder(toy_backbone, 2), data, [Poison(rows.documents[0][3])])
    assert "the score of pair " in line and f"'{rows.queries[3]}' and '{rows.documents[0][3]}'" in line


def test_the_module_is_named_in_which_it_began(toy_backbone, tmp_path):
    module = toy_module(toy_backbone)

    def overflow(layer, inputs, output):
        hidden = output[0] if isinstance(output, tuple) else output
        hidden = torch.cat([hidden[..., :1] / 0, hidden[..., 1:]], dim=-1)
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    module.encoder.backbone.encoder.layer[0].register_forward_hook(overflow)
    line = line_of(tmp_path, module)
    assert line.startswith("step 1: the embedding of query 1 of 4 is not finite (8 of 8 rows of this batch are not): '")
    assert "the first tensor that is not finite is the output of encoder.backbone.encoder.layer.0." in line


def test_a_spoiled_parameter_is_named_before_what_it_spoils(toy_backbone, tmp_path):
    module = toy_module(toy_backbone)
    with torch.no_grad():
        module.encoder.backbone.encoder.layer[1].output.dense.bias[3] = torch.nan
    line = line_of(tmp_path, module)
    assert "not finite is the parameter encoder.backbone.encoder.layer.1.output.dense.bias" in line


def test_a_loss_that_spoils_finite_embeddings_is_blamed_itself(toy_backbone, tmp_path):
    module = toy_module(toy_backbone)
    module.loss.forward = lambda queries, documents, batch: queries.sum() * torch.inf
    assert "inf, though all that the encoder gave it is finite" in line_of(tmp_path, module)


def test_a_text_whose_gradient_is_infinite_is_named(toy_backbone, tmp_path):
    text = texts().queries[2]
    line = line_of(tmp_path, toy_module(toy_backbone), callbacks=[Poison(text, where="gradient", value=torch.inf)])
    # The test's own hook runs before ours, which then sees what it made of the gradient.
    assert "the loss is finite, but not its gradient: the gradient of the embedding of query " in line
    assert f"'{text}'" in line


def test_a_gradient_that_becomes_infinite_on_its_way_back_is_named_by_its_parameter(toy_backbone, tmp_path):
    module = toy_module(toy_backbone)
    module.encoder.backbone.embeddings.word_embeddings.weight.register_hook(lambda gradient: gradient / 0)
    line = line_of(tmp_path, module)
    assert "the first tensor is that of encoder.backbone.embeddings.word_embeddings.weight" in line


def test_a_text_that_is_not_among_the_rows_is_named_by_its_identity(toy_backbone, tmp_path):
    class Forgetful(ToyData):
        def rows(self, split):
            rows = super().rows(split)
            return PairRows(["another"], [["one"]]) if self.trainer.global_step else rows

    poison = Poison(texts().queries[0], steps=[3, 4])
    line = line_of(tmp_path, toy_module(toy_backbone), Forgetful(batch_size=4), [poison])
    assert f"the text with the identity {poison.identity}" in line


def half_of_a_run(rank, backbone, folder, text):
    strategy = DDPStrategy(process_group_backend="gloo")
    line = line_of(folder, toy_module(backbone), ToyData(batch_size=2), [Poison(text)], devices=2, strategy=strategy)
    (folder / f"{rank}.txt").write_text(line)


def test_all_processes_stop_with_the_line_of_the_one_that_knows(toy_backbone, tmp_path):
    text = texts().documents[0][1]
    run_in_processes(2, half_of_a_run, toy_backbone, tmp_path, text)
    first, second = ((tmp_path / f"{rank}.txt").read_text() for rank in range(2))
    assert first == second and f"'{text}'" in first and ", on process " in first and "of 2 is not finite" in first
