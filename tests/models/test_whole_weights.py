"""The whole copy of a sharded encoder gives its embeddings, and leaves the sharded one as it was."""

import numpy as np
import pytest
import torch
from toys import toy_texts

from lit_embed.distributed import group_on_this_machine, shard
from lit_embed.errors import UserError
from lit_embed.models import TextEncoder
from lit_embed.models.whole_weights import own_weights, remember_whole, whole


class Holder(torch.nn.Module):
    def __init__(self, encoder: torch.nn.Module):
        super().__init__()
        self.encoder = encoder


def test_an_encoder_that_is_not_sharded_is_used_itself(toy_backbone):
    holder = Holder(TextEncoder(toy_backbone, max_length=32))
    before = holder.encoder
    with whole(holder):
        assert holder.encoder is before
    with whole(torch.nn.Linear(2, 2)):                            # a module without an encoder
        pass


def test_the_copy_of_a_sharded_encoder_has_its_embeddings(toy_backbone, tmp_path):
    encoder, texts = TextEncoder(toy_backbone, max_length=32), toy_texts(5)
    holder, expected = Holder(encoder), encoder.encode(texts)
    remember_whole(encoder)
    with group_on_this_machine(0, 1, tmp_path / "meeting_point", timeout=60):          # two share it in test_sharding.py
        shard([encoder], "cpu")
        with pytest.raises(UserError, match="sharded over the processes"):
            encoder.encode(texts)
        with whole(holder):
            np.testing.assert_array_equal(holder.encoder.encode(texts), expected)
            assert holder.encoder.tokenizer is encoder.tokenizer
            torch.nn.init.zeros_(holder.encoder.backbone.embeddings.word_embeddings.weight)
        assert holder.encoder is encoder and all(hasattr(p, "full_tensor") for p in encoder.parameters())
        with whole(holder):                                       # what was done to the first copy is gone
            np.testing.assert_array_equal(holder.encoder.encode(texts), expected)


class FourBits(torch.nn.Linear):
    """Writes what its weights are scaled by into a state_dict, and does not read it, as bitsandbytes does."""

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination[prefix + "weight.absmax"] = torch.ones(1)


def test_what_a_module_writes_beside_its_weights_is_not_loaded_into_it():
    module = torch.nn.Sequential(FourBits(2, 2), torch.nn.BatchNorm1d(2))
    assert own_weights(module).keys() == module.state_dict().keys() - {"0.weight.absmax"}
    module.load_state_dict(own_weights(module))
