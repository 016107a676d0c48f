"""Pictures in several passes are those of one, in their order; what is decoded in parallel complains as one."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from toys import toy_photos

from lit_embed.errors import UserError
from lit_embed.models.image_passes import encode_images, in_passes
from lit_embed.models.image_transform import ImageTransform


class Means(nn.Module):
    """A picture's mean colour, twice."""

    width, precision, device, micro_batch = 3, "float32", torch.device("cpu"), 2

    def __init__(self):
        super().__init__()
        self.scale, self.transform, self.passes = nn.Parameter(torch.tensor(2.0)), ImageTransform.square(4), []

    def embed_images(self, pixels):
        self.passes.append(len(pixels))
        return pixels.mean(dim=(2, 3)) * self.scale


@pytest.mark.parametrize("at_once", [1, 3, 64])
def test_passes_keep_the_order(at_once):
    encoder, colours = Means(), ["red", "blue", "white", "black"]
    found = encode_images(encoder, [Image.new("RGB", (5, 5), colour) for colour in colours], at_once)
    np.testing.assert_allclose(found, np.array([[2, -2, -2], [-2, -2, 2], [2, 2, 2], [-2, -2, -2]]), atol=1e-6)
    assert max(encoder.passes) == min(at_once, 4) and encoder.training


def test_a_broken_picture_among_others_is_one_line(tmp_path):
    folder = toy_photos(tmp_path / "photos", 3)
    (tmp_path / "photos/1.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match="the image .*1.png cannot be read"):
        encode_images(Means(), [f"{folder}/{i}.png" for i in range(3)])


def test_training_in_passes_is_computed_again_and_has_the_gradient_of_one():
    encoder, pixels = Means(), torch.randn(5, 3, 4, 4)
    in_passes(encoder, lambda places: encoder.embed_images(pixels[places]), 5).square().sum().backward()
    assert encoder.passes == [2, 2, 1, 1, 2, 2]
    expected = 2 * 2.0 * pixels.mean(dim=(2, 3)).square().sum()
    torch.testing.assert_close(encoder.scale.grad, expected)
    assert in_passes(encoder, encoder.embed_images, 0).shape == (0, 3)
