"""A saved folder is read by sentence-transformers and by us with the same numbers, and its settings come back."""

import json

import numpy as np
import pytest
from toys import toy_texts

from lit_embed.errors import UserError
from lit_embed.models import TextEncoder, TextPairScorer


@pytest.mark.parametrize("normalization", ["none", "l2"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "last"])
@pytest.mark.filterwarnings("default")              # what another library warns of is its own affair
def test_sentence_transformers_reads_the_folder_with_equal_embeddings(pooling, normalization, toy_backbone, tmp_path):
    from sentence_transformers import SentenceTransformer

    encoder = TextEncoder(toy_backbone, pooling, 20, normalization, query_prefix="red ", document_prefix="blue ")
    encoder.save_folder(tmp_path / "model")
    ours, theirs = TextEncoder.from_folder(tmp_path / "model"), SentenceTransformer(str(tmp_path / "model"), device="cpu")
    texts = [*toy_texts(7), "the cat " * 30, ""]
    for role, encode in [("text", theirs.encode), ("query", theirs.encode_query), ("document", theirs.encode_document)]:
        np.testing.assert_allclose(ours.encode(texts, role), encoder.encode(texts, role), atol=1e-6)
        np.testing.assert_allclose(ours.encode(texts, role), encode(texts), atol=1e-5)


@pytest.mark.filterwarnings("default")
def test_we_read_a_folder_that_sentence_transformers_wrote(toy_backbone, tmp_path):
    from sentence_transformers import SentenceTransformer, models

    transformer = models.Transformer(toy_backbone, max_seq_length=24)
    theirs = SentenceTransformer(modules=[transformer, models.Pooling(32, pooling_mode="cls"), models.Normalize()],
                                 prompts={"query": "red ", "passage": "blue "}, device="cpu")
    theirs.save(str(tmp_path / "theirs"))
    ours = TextEncoder.from_folder(tmp_path / "theirs")
    assert (ours.pooling, ours.normalization, ours.query_prefix, ours.document_prefix) == ("cls", "l2", "red ", "blue ")
    np.testing.assert_allclose(ours.encode(toy_texts(5)), theirs.encode(toy_texts(5)), atol=1e-5)


def test_a_change_wins_over_what_the_folder_says(toy_backbone, tmp_path):
    TextEncoder(toy_backbone, "cls").save_folder(tmp_path / "model")
    assert TextEncoder.from_folder(tmp_path / "model", pooling="max").pooling == "max"


def test_using_a_folder_otherwise_than_it_was_trained_is_said(toy_backbone, tmp_path, caplog):
    TextEncoder(toy_backbone, "cls", query_prefix="red ").save_folder(tmp_path / "model")
    TextEncoder.from_folder(tmp_path / "model")
    assert not caplog.messages
    TextEncoder(str(tmp_path / "model"), query_prefix="red ")
    assert caplog.messages == [f"{tmp_path}/model was trained with pooling 'cls', here 'mean'"]


def test_saving_again_replaces_the_folder_and_a_failure_leaves_it(toy_backbone, tmp_path, monkeypatch):
    encoder = TextEncoder(toy_backbone)
    for _ in range(2):
        encoder.save_folder(tmp_path / "model")
    before = sorted(file.name for file in (tmp_path / "model").iterdir())
    monkeypatch.setattr(encoder.tokenizer.hugging_face, "save_pretrained", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        encoder.save_folder(tmp_path / "model")
    assert sorted(file.name for file in (tmp_path / "model").iterdir()) == before
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_weights_are_safetensors(toy_backbone, tmp_path):
    TextEncoder(toy_backbone).save_folder(tmp_path / "model")
    assert [f.name for f in (tmp_path / "model").iterdir() if f.suffix in (".bin", ".pt", ".safetensors")] == ["model.safetensors"]


def test_modules_that_cannot_be_expressed_are_named(toy_backbone, tmp_path):
    TextEncoder(toy_backbone).save_folder(tmp_path / "model")
    file = tmp_path / "model/modules.json"
    file.write_text(json.dumps([*json.loads(file.read_text()), {"type": "sentence_transformers.models.Dense", "path": "2"}]))
    with pytest.raises(UserError, match="has Dense"):
        TextEncoder.from_folder(tmp_path / "model")
    with pytest.raises(UserError, match="not a model folder"):
        TextEncoder.from_folder(tmp_path)


def test_a_cross_encoder_has_no_embeddings_but_may_become_an_encoder(toy_backbone, tmp_path):
    TextPairScorer(toy_backbone, max_length=32).save_folder(tmp_path / "scorer")
    with pytest.raises(UserError, match="scores pairs of texts and has no embeddings"):
        TextEncoder.from_folder(tmp_path / "scorer")
    assert TextEncoder(str(tmp_path / "scorer")).encode(["cat"]).shape == (1, 32)
