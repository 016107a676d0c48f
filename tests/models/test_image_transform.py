"""The numbers a model reads are those of its own image processor, whatever backend it was published with."""

import json

import pytest
import torch
from PIL import Image

from lit_embed.errors import UserError
from lit_embed.models.image_transform import ImageTransform


def test_a_square_transform_scales_to_minus_one_and_one(tmp_path):
    transform = ImageTransform.square(6)
    found = transform([Image.new("RGB", (9, 3), "white"), Image.new("RGB", (6, 6), "black")])
    assert found.shape == (2, 3, 6, 6) and found.dtype == torch.float32
    torch.testing.assert_close(found, torch.stack([torch.ones(3, 6, 6), -torch.ones(3, 6, 6)]))
    transform.save(tmp_path)
    assert ImageTransform.load(str(tmp_path)).fingerprint == transform.fingerprint != ImageTransform.square(8).fingerprint


@pytest.mark.parametrize("kind", ["CLIPFeatureExtractor", "CLIPImageProcessor", "CLIPImageProcessorFast"])
def test_processors_of_older_and_newer_names_are_read(kind, pair_folder, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "clip"}))
    key = "feature_extractor_type" if "Feature" in kind else "image_processor_type"
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({key: kind, "size": 16, "crop_size": 16, "do_resize": True}))
    assert ImageTransform.load(str(tmp_path))([Image.new("RGB", (40, 20))]).shape == (1, 3, 16, 16)


def test_a_folder_without_one_is_one_line(toy_backbone):
    with pytest.raises(UserError, match="no image processor in .*preprocessor_config.json"):
        ImageTransform.load(toy_backbone)
