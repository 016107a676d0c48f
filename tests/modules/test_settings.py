"""A module built in Python leaves the same tree in its checkpoint as one built by a YAML."""

from torch import nn

from lit_embed.losses import InfoNCE
from lit_embed.models import TextEncoder
from lit_embed.modules import BiEncoder
from lit_embed.modules.settings import describe


class Scaled(nn.Module):
    def __init__(self, factor: float = 2.0, inner: nn.Module | None = None):
        super().__init__()
        self.factor, self.inner = factor, inner


def test_modules_become_class_and_arguments_all_the_way_down():
    tree = describe(Scaled(3.0, InfoNCE(0.1)))
    assert tree == {"class_path": f"{__name__}.Scaled", "init_args": {"factor": 3.0, "inner": {
        "class_path": "lit_embed.losses.info_nce.InfoNCE", "init_args": {"temperature": 0.1, "learnable": False,
                                                                              "chunk": None}}}}


def test_hparams_hold_plain_values_only(toy_backbone):
    hparams = BiEncoder(TextEncoder(toy_backbone, "cls", 20), InfoNCE(), learning_rate=3e-5).hparams
    assert hparams["learning_rate"] == 3e-5 and hparams["_class_path"] == "lit_embed.modules.bi_encoder.BiEncoder"
    assert hparams["encoder"]["init_args"] == {
        "backbone": toy_backbone, "pooling": "cls", "max_length": 20, "normalization": "none", "query_prefix": "",
        "document_prefix": "", "max_tokens": None, "recompute": "auto", "lora": None, "decoder": None}


class Twin(BiEncoder):
    def __init__(self, encoder: TextEncoder, loss: nn.Module, weight: float = 1.0):
        super().__init__(encoder, loss)
        self.weight = weight


def test_a_subclass_keeps_its_own_arguments(toy_backbone):
    assert Twin(TextEncoder(toy_backbone), InfoNCE(), weight=0.5).hparams["weight"] == 0.5
