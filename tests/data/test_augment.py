"""Cuts keep half of the photo or more, mirror images are mirror images, and both follow the draw alone."""

import numpy as np
from PIL import Image

from lit_embed.data.augment import AUGMENTATIONS, crop_and_flip, flip

PHOTO = Image.fromarray(np.arange(60 * 40 * 3, dtype=np.uint32).astype(np.uint8).reshape(40, 60, 3))


def test_half_of_all_photos_are_mirrored():
    mirrored = [np.array_equal(np.array(flip(PHOTO, np.random.default_rng(i))), np.array(PHOTO)[:, ::-1]) for i in range(200)]
    assert 70 < sum(mirrored) < 130


def test_cuts_lie_inside_and_keep_half():
    sizes = [crop_and_flip(PHOTO, np.random.default_rng(i)).size for i in range(100)]
    assert len(set(sizes)) > 50
    for width, height in sizes:
        assert width <= 60 and height <= 40 and width * height >= 0.45 * 60 * 40


def test_a_photo_of_one_pixel_stays_one():
    for augment in AUGMENTATIONS.values():
        assert augment(Image.new("RGB", (1, 1)), np.random.default_rng(0)).size == (1, 1)
