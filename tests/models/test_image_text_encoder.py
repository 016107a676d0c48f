"""CLIP and SigLIP as ours: the features that transformers gives, alone and in a batch, kept by a folder."""

import importlib.util
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from toys import toy_photos, toy_texts
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models import ImageTextEncoder

KINDS = ["clip", "siglip"]


@pytest.fixture
def photos(tmp_path) -> list[str]:
    return [f"{toy_photos(tmp_path / 'photos', 5)}/{i}.png" for i in range(5)]


def tokens_of(encoder, texts) -> Tokens:
    ids, lengths, _ = encoder.tokenizer.tokenize(texts)
    return Tokens(torch.from_numpy(ids).long(), torch.from_numpy(lengths).long())


@pytest.mark.parametrize("kind", KINDS)
def test_images_and_texts_get_the_features_of_transformers(kind, pair_folder, photos):
    encoder, theirs = ImageTextEncoder(pair_folder(kind)), AutoModel.from_pretrained(pair_folder(kind)).eval()
    processor = AutoImageProcessor.from_pretrained(pair_folder(kind), backend="pil")
    tokenizer, texts = AutoTokenizer.from_pretrained(pair_folder(kind)), ["", *toy_texts(6)]
    # SigLIP's own recipe: always as many slots as there are positions, and no mask.
    padding = {"padding": True} if kind == "clip" else {"padding": "max_length", "max_length": 64, "return_attention_mask": False}
    with torch.no_grad():
        pixels = processor([Image.open(photo).convert("RGB") for photo in photos], return_tensors="pt")["pixel_values"]
        images = theirs.get_image_features(pixel_values=pixels).pooler_output
        inputs = tokenizer(texts, return_tensors="pt", return_token_type_ids=False, **padding)
        wanted = theirs.get_text_features(**inputs).pooler_output
    assert encoder.width == images.size(1) == wanted.size(1) == (24 if kind == "clip" else 32)
    np.testing.assert_allclose(encoder.encode_images(photos), images.numpy(), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(texts), wanted.numpy(), atol=1e-5)
    np.testing.assert_allclose(encoder.encode(texts, batch_tokens=30), wanted.numpy(), atol=1e-5)
    assert len({tuple(row) for row in wanted.tolist()}) == 7


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_folder_gives_equal_embeddings_here_and_in_transformers(kind, pair_folder, photos, tmp_path):
    encoder = ImageTextEncoder(pair_folder(kind), max_length=20, query_prefix="a photo of ")
    encoder.save_folder(tmp_path / "model")
    again = ImageTextEncoder.from_folder(tmp_path / "model")
    assert (again.max_length, again.query_prefix) == (20, "a photo of ")
    np.testing.assert_array_equal(again.encode(toy_texts(5), "query"), encoder.encode(toy_texts(5), "query"))
    np.testing.assert_array_equal(again.encode_images(photos), encoder.encode_images(photos))
    theirs = AutoModel.from_pretrained(tmp_path / "model")
    with torch.no_grad():
        pixels = AutoImageProcessor.from_pretrained(tmp_path / "model", backend="pil")(
            [Image.open(photos[0]).convert("RGB")], return_tensors="pt")["pixel_values"]
        found = theirs.get_image_features(pixel_values=pixels).pooler_output.numpy()
    np.testing.assert_allclose(found, encoder.encode_images(photos[:1]), atol=1e-5)


def test_paths_bytes_and_pictures_are_the_same_to_it(pair_folder, photos):
    encoder = ImageTextEncoder(pair_folder())
    with open(photos[0], "rb") as file:
        found = encoder.encode_images([photos[0], file.read(), Image.open(photos[0])])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    assert encoder.encode_images([]).shape == encoder.encode([]).shape == (0, 24)


@pytest.mark.parametrize("kind", KINDS)
def test_several_passes_have_the_gradient_of_one_and_both_towers_get_it(kind, pair_folder):
    gradients = []
    for micro_batch in (None, 3):
        encoder = ImageTextEncoder(pair_folder(kind), micro_batch=micro_batch).double().train()
        torch.manual_seed(1)
        images, texts = encoder(torch.randn(7, 3, 16, 16, dtype=torch.float64), tokens_of(encoder, toy_texts(7))).chunk(2)
        (images * texts).sum().backward()
        gradients.append({name: p.grad for name, p in encoder.named_parameters() if p.requires_grad})
    assert not [name for name, grad in gradients[0].items() if grad is None]          # DDP would wait for it
    for name, grad in gradients[0].items():
        torch.testing.assert_close(grad, gradients[1][name], rtol=1e-9, atol=1e-12)


def test_bfloat16_is_close(pair_folder, photos):
    encoder = ImageTextEncoder(pair_folder())
    whole = encoder.encode_images(photos)
    encoder.precision = "bfloat16"
    np.testing.assert_allclose(encoder.encode_images(photos), whole, atol=0.05 * np.abs(whole).max())


def test_what_cannot_be_read_is_one_line(pair_folder, toy_backbone, photos, tmp_path):
    with pytest.raises(UserError, match="no image processor in"):
        ImageTextEncoder(toy_backbone)
    with pytest.raises(UserError, match="max_length 65 is more than the 64 positions"):
        ImageTextEncoder(pair_folder(), max_length=65)
    with pytest.raises(UserError, match="there is no image nowhere.jpg"):
        ImageTextEncoder(pair_folder()).encode_images([photos[0], "nowhere.jpg"])


def test_a_tokenizer_without_its_package_is_one_line(pair_folder, tmp_path):
    """SigLIP's is sentencepiece's, which is no dependency."""
    if importlib.util.find_spec("sentencepiece"):
        pytest.skip("sentencepiece is installed")
    folder = shutil.copytree(pair_folder("siglip"), tmp_path / "siglip")
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "SiglipTokenizer"}')
    (folder / "spiece.model").write_bytes(b"")
    with pytest.raises(UserError, match="needs a package that is not installed: SiglipTokenizer requires the SentencePiece"):
        ImageTextEncoder(str(folder))
