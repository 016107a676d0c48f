"""The fingerprint follows the weights, the settings and nothing else."""

import pytest
import torch

from lit_embed.models import DecoderSettings, TextEncoder
from lit_embed.search.fingerprint import fingerprint


@pytest.fixture
def encoder(toy_backbone):
    return TextEncoder(toy_backbone, query_prefix="query: ")


def test_a_saved_model_keeps_its_fingerprint(encoder, tmp_path):
    encoder.save_folder(tmp_path / "model")
    assert fingerprint(TextEncoder.from_folder(tmp_path / "model")) == fingerprint(encoder.train())


def test_one_weight_or_one_setting_changes_it(encoder):
    before = fingerprint(encoder)
    with torch.no_grad():
        next(encoder.parameters()).view(-1)[0] += 1e-3
    changed = fingerprint(encoder)
    encoder.query_prefix = ""
    assert len({before, changed, fingerprint(encoder)}) == 3


def test_the_way_a_decoder_looks_changes_it(backbone_folder):
    encoders = [TextEncoder(backbone_folder("smollm"), decoder=DecoderSettings(bidirectional=both)) for both in (None, False, True)]
    assert len(set(map(fingerprint, encoders))) == 2
