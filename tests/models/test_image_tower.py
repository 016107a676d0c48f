"""Any vision model of transformers is a tower; one that reads no images, or a shape that cannot be, is one line."""

import pytest
import torch
from toys import TINY_VIT
from transformers import ViTConfig, ViTModel

from lit_embed.errors import UserError
from lit_embed.models import ImageTower
from lit_embed.models.image_transform import ImageTransform

CONVNEXT = {"hidden_sizes": [8, 16], "depths": [1, 1], "num_stages": 2}
RESNET = {"hidden_sizes": [8, 16], "depths": [1, 1], "embedding_size": 8, "layer_type": "basic"}


@pytest.mark.parametrize("architecture, shape, width", [("vit", TINY_VIT, 32), ("convnext", CONVNEXT, 16), ("resnet", RESNET, 16)])
def test_an_architecture_and_a_shape_make_a_tower(architecture, shape, width):
    tower = ImageTower(architecture=architecture, shape=shape, image_size=32)
    assert tower.width == width and tower(torch.randn(3, 3, 32, 32)).shape == (3, width)


def test_a_model_that_was_published_without_pooler_is_read_by_its_mean(tmp_path):
    ViTModel(ViTConfig(**TINY_VIT, image_size=16), add_pooling_layer=False).save_pretrained(tmp_path)
    ImageTransform.square(16).save(tmp_path)
    tower, pixels = ImageTower(str(tmp_path)), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(tower(pixels), tower.backbone(pixel_values=pixels).last_hidden_state.mean(1))


@pytest.mark.parametrize("arguments, says", [
    ({}, "name one of the two"), ({"architecture": "vit", "backbone": "x"}, "name one of the two"),
    ({"architecture": "bert"}, "bert reads no images"), ({"architecture": "vitt"}, "no vitt of this shape"),
    ({"architecture": "vit", "shape": {"hidden_size": "wide"}}, "no vit of this shape"),
])
def test_what_is_no_tower_is_one_line(arguments, says):
    with pytest.raises(UserError, match=says):
        ImageTower(**arguments)


def test_a_pair_of_towers_is_not_one(pair_folder):
    with pytest.raises(UserError, match="CLIPModel, which is no model of images alone"):
        ImageTower(pair_folder())


def test_batch_normalisation_is_said_to_depend_on_how_a_batch_is_run(caplog):
    ImageTower(architecture="vit", shape=TINY_VIT, image_size=32), ImageTower(architecture="convnext", shape=CONVNEXT, image_size=32)
    assert not caplog.text
    ImageTower(architecture="resnet", shape=RESNET, image_size=32)
    assert "ResNetModel has batch normalisation" in caplog.text
