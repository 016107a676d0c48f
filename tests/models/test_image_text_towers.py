"""Two towers of any kind: kept by a folder, one of them locked, told from other models by their folder."""

import numpy as np
import pytest
import torch
from PIL import Image
from toys import TINY_VIT, toy_photos, toy_texts

from lit_embed.batches import Tokens
from lit_embed.errors import UserError
from lit_embed.models import ImageTextEncoder, ImageTextTowers, ImageTower, TextEncoder
from lit_embed.models.image_text_towers import holds_images_and_texts, open_image_text


@pytest.fixture
def towers(toy_backbone) -> ImageTextTowers:
    image = ImageTower(architecture="vit", shape=TINY_VIT, image_size=16)
    return ImageTextTowers(image, TextEncoder(toy_backbone, max_length=32, query_prefix="find: "), width=12)


def test_a_saved_folder_gives_equal_embeddings_and_towers_that_stand_alone(towers, tmp_path):
    photos = [f"{toy_photos(tmp_path / 'photos', 3)}/{i}.png" for i in range(3)]
    towers.save_folder(tmp_path / "model")
    again = open_image_text(tmp_path / "model")
    assert again.width == 12 and again.query_prefix == "find: "
    np.testing.assert_array_equal(again.encode_images(photos), towers.encode_images(photos))
    np.testing.assert_array_equal(again.encode(toy_texts(4), "query"), towers.encode(toy_texts(4), "query"))
    text = TextEncoder.from_folder(tmp_path / "model/text")
    projected = text.encode(["a cat"]) @ towers.text_projection.weight.detach().numpy().T
    np.testing.assert_allclose(projected, towers.encode(["a cat"]), atol=1e-5)
    assert ImageTower(str(tmp_path / "model/image")).width == 32


def test_encode_is_the_forward_of_training_without_dropout(towers):
    texts = ["a cat", "the dog ran fast", ""]
    ids, lengths, _ = towers.tokenizer.tokenize(texts)
    pixels = towers.transform([Image.new("RGB", (20, 20), "red")])
    with torch.no_grad():
        found = towers.eval()(pixels, Tokens(torch.from_numpy(ids).long(), torch.from_numpy(lengths).long()))
        images, captions = found.split([1, 3])
    np.testing.assert_allclose(towers.encode(texts), captions.numpy(), atol=1e-5)
    np.testing.assert_allclose(towers.encode_images([Image.new("RGB", (20, 20), "red")]), images.numpy(), atol=1e-5)


@pytest.mark.parametrize("locked", ["image", "text"])
def test_a_locked_tower_gets_no_gradient_and_its_projection_does(locked, towers):
    locked_towers = ImageTextTowers(towers.image, towers.text, 12, locked)
    assert not any(p.requires_grad for p in getattr(locked_towers, locked).parameters())
    assert locked_towers.image_projection.weight.requires_grad and locked_towers.text_projection.weight.requires_grad
    with pytest.raises(UserError, match="locked 'both': there are none, image, text"):
        ImageTextTowers(towers.image, towers.text, 12, "both")


def test_a_folder_says_what_it_holds(towers, pair_folder, toy_backbone, tmp_path):
    towers.save_folder(tmp_path / "model")
    assert holds_images_and_texts(tmp_path / "model") and holds_images_and_texts(pair_folder("siglip"))
    assert not holds_images_and_texts(toy_backbone) and not holds_images_and_texts(tmp_path)
    assert isinstance(open_image_text(pair_folder(), max_length=9), ImageTextEncoder)
    assert open_image_text(tmp_path / "model", max_length=9).max_length == 9
