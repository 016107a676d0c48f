"""What CLIP and SigLIP want of their texts, and which models are neither."""

import pytest
import torch

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models.paired_backbone import load_pair, text_inputs, width_of

TOKENS = Tokens(torch.tensor([2, 7, 3, 2, 8, 9, 3]), torch.tensor([3, 4]))


def test_clip_gets_a_mask_and_siglip_all_its_positions(pair_folder):
    clip, siglip = load_pair(pair_folder("clip")), load_pair(pair_folder("siglip"))
    assert text_inputs(clip.config, TOKENS, 5)["input_ids"].tolist() == [[2, 7, 3, 5], [2, 8, 9, 3]]
    assert text_inputs(clip.config, TOKENS, 5)["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    padded = text_inputs(siglip.config, TOKENS, 5)
    assert set(padded) == {"input_ids"} and padded["input_ids"].tolist()[0] == [2, 7, 3] + [5] * 61
    assert (width_of(clip.config), width_of(siglip.config)) == (24, 32)


def test_scale_and_bias_that_no_loss_sees_are_frozen(pair_folder):
    for kind in ("clip", "siglip"):
        frozen = {name for name, p in load_pair(pair_folder(kind)).named_parameters() if not p.requires_grad}
        assert frozen == ({"logit_scale"} if kind == "clip" else {"logit_scale", "logit_bias"})


def test_another_model_is_one_line(toy_backbone):
    with pytest.raises(UserError, match="is of type bert, not one of clip, siglip: other vision models go beside"):
        load_pair(toy_backbone)
