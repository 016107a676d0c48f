"""Which inputs are pictures, and their paths in blocks."""

import pytest
from toys import toy_photos

from lit_embed.data.image_stream import ImageStream, holds_images
from lit_embed.errors import UserError


@pytest.fixture
def photos(tmp_path):
    toy_photos(tmp_path / "photos/inner", 3)
    (tmp_path / "photos/.hidden.png").write_bytes(b"")
    return tmp_path / "photos"


def test_a_folder_gives_all_below_it_in_order(photos):
    stream = ImageStream(str(photos))
    assert stream.count() == 3 and stream.paths == [str(photos / f"inner/{i}.png") for i in range(3)]
    assert list(stream.blocks(2)) == [(None, stream.paths[:2]), (None, stream.paths[2:])]


def test_pictures_are_told_from_texts(photos, tmp_path):
    (tmp_path / "list.txt").write_text(f"{photos}/inner/2.png\n\n{photos}/inner/0.png\n")
    (tmp_path / "texts.txt").write_text("a cat sat\nphoto.png\n")
    (tmp_path / "texts.csv").write_text("file_name\nphoto.png\n")
    assert holds_images(str(photos)) and holds_images(str(tmp_path / "list.txt")) and holds_images(f"{photos}/inner/0.png")
    for other in ("texts.txt", "texts.csv", "gone", "-"):
        assert not holds_images(str(tmp_path / other))
    assert ImageStream(str(tmp_path / "list.txt")).paths == [f"{photos}/inner/{i}.png" for i in (2, 0)]
    assert ImageStream(f"{photos}/inner/0.png").count() == 1
    (tmp_path / "list.txt").write_text(f"{photos}/inner/2.png\nnot there.png\n")
    with pytest.raises(UserError, match="list.txt, line 2: there is no image not there.png"):
        ImageStream(str(tmp_path / "list.txt"))
