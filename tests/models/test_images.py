"""Pictures come upright and in RGB, or with one line that says what is wrong."""

import sys

import pytest
from PIL import Image

from lit_embed.errors import UserError
from lit_embed.models.image_transform import ImageTransform
from lit_embed.models.images import open_image


def test_grey_transparent_and_turned_pictures_come_upright_in_rgb(tmp_path):
    for mode in ("L", "RGBA", "P", "CMYK"):
        assert open_image(Image.new(mode, (4, 3))).mode == "RGB"
    image, exif = Image.new("RGB", (4, 3)), Image.Exif()
    exif[0x0112] = 6                                                     # the camera was held upright
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert open_image(tmp_path / "turned.jpg").size == (3, 4)
    see_through = Image.new("P", (2, 2))
    see_through.info["transparency"] = b"\x00\x10"
    assert open_image(see_through).mode == "RGB"


@pytest.mark.parametrize("content, says", [(None, "there is no image"), (b"no picture", "cannot be read"), (b"", "cannot be read"),
                                           ("half", "cannot be read")])
def test_a_missing_or_broken_picture_is_one_line_with_its_row(content, says, tmp_path):
    file = tmp_path / "photo.png"
    if content == "half":
        Image.effect_noise((64, 64), 90).save(file)
        content = file.read_bytes()[:900]
    if content is not None:
        file.write_bytes(content)
        with pytest.raises(UserError, match="captions.csv, row 7: the bytes of the image cannot be read"):
            open_image(content, "captions.csv, row 7")
    with pytest.raises(UserError, match=f"^captions.csv, row 7: .*{says}|^captions.csv, row 7: {says}") as error:
        open_image(file, "captions.csv, row 7")
    assert "photo.png" in str(error.value) and "\n" not in str(error.value)


def test_missing_pillow_is_one_line_with_the_command(monkeypatch, pair_folder):
    folder = pair_folder()
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    for needs_it in (lambda: open_image("photo.png"), lambda: ImageTransform.load(folder), lambda: ImageTransform.square(8)):
        with pytest.raises(UserError, match=r'images need Pillow: pip install "lit-embed\[images\]"'):
            needs_it()
