"""The certificate tells a right gather from wrong ones, those that have been published among them."""

import pytest
from wrong_gathers import mean_instead_of_sum, own_rows_only, without_gradient

from lit_embed.commands.verify import LOSSES
from lit_embed.run import certificate
from lit_embed.run.certificate import compare_all
from lit_embed.run.tiny_model import write_tiny_model

TOLERANCES = {"float32": 1e-5, "bf16": 5e-2}


def compared(folder, world: int, losses: list) -> list:
    write_tiny_model(folder)
    return list(compare_all(losses, str(folder), world, TOLERANCES))


def test_every_loss_is_certified_on_two_processes(tmp_path):
    comparisons = compared(tmp_path, 2, LOSSES)
    assert [(each.loss.name, each.way.name, each.precision) for each in comparisons if not each.holds] == []
    assert len(comparisons) == 2 * (3 * 7 + 8 * 6 + 4 * 5)
    not_judged = {(each.loss.name, each.way.name) for each in comparisons if each.tolerance is None}
    in_batch = ("InfoNCE", "SymmetricInfoNCE", "SigmoidPairs", "CoSENT", "Matryoshka", "GuidedInfoNCE", "LossBySet")
    assert not_judged == {(name, "accumulated") for name in in_batch}


@pytest.mark.parametrize("wrong", [own_rows_only, without_gradient, mean_instead_of_sum])
def test_a_wrong_gather_is_found_in_both_precisions(wrong, tmp_path, monkeypatch):
    monkeypatch.setattr(certificate, "work", wrong)
    comparisons = compared(tmp_path, 2, LOSSES[:1])
    assert [each.holds for each in comparisons] == [not each.way.shared for each in comparisons]
    assert min(each.difference.deviation for each in comparisons if each.way.shared) > 2 * TOLERANCES["bf16"]
