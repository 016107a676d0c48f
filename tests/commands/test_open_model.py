"""What --model may be, and what is refused."""

import numpy as np
import pytest

from lit_embed.commands.open_model import open_encoder, open_scorer, place_of, tell_cost
from lit_embed.errors import UserError
from lit_embed.models import Lora, TextEncoder, TextPairScorer
from lit_embed.models.endpoint import Endpoint


@pytest.fixture
def model(toy_backbone, tmp_path):
    TextEncoder(toy_backbone, max_length=32).save_folder(tmp_path / "model")
    return tmp_path / "model"


def test_encoders_and_cross_encoders_are_not_taken_for_each_other(model, toy_backbone, tmp_path):
    scorer = TextPairScorer(toy_backbone, max_length=32)
    scorer.save_folder(tmp_path / "scorer")
    pairs = [("the cat", "a dog"), ("the cat", "")]
    np.testing.assert_allclose(open_scorer(tmp_path / "scorer").score(pairs), scorer.score(pairs), atol=1e-6)
    with pytest.raises(UserError, match="is not a cross-encoder: BertModel has no classification head"):
        open_scorer(model)
    with pytest.raises(UserError, match="scores pairs of texts and has no embeddings"):
        open_encoder(tmp_path / "scorer")
    with pytest.raises(UserError, match="no cross-encoder in"):
        open_scorer(tmp_path)


def test_a_folder_of_adapters_is_a_model(toy_backbone, tmp_path):
    encoder = TextEncoder(toy_backbone, max_length=32, lora=Lora(r=2))
    encoder.save_folder(tmp_path / "adapters")
    np.testing.assert_allclose(open_encoder(tmp_path / "adapters").encode(["the cat"]), encoder.encode(["the cat"]), atol=1e-6)


def test_an_endpoint_is_opened_by_its_name_without_a_request(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("LIT_EMBED_ENDPOINT_CACHE", str(tmp_path))
    name = "openai:some-model@http://127.0.0.1:9/v1"
    encoder = open_encoder(name, max_length=64)
    assert isinstance(encoder, Endpoint) and place_of(name) == name and place_of("here").startswith("/")
    assert "--max-length is for models of this machine" in capsys.readouterr().err
    tell_cost(encoder)
    assert capsys.readouterr().err == "openai:some-model: 0 tokens for 0 texts, 0 from the cache\n"


def test_a_model_of_this_machine_costs_nothing(model, capsys):
    tell_cost(open_encoder(model))
    assert not capsys.readouterr().err
