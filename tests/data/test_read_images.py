"""Images and captions from every layout, one image for each file; what is wrong is one line with its row."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from toys import toy_photos

from lit_embed.data.notice import notice
from lit_embed.data.read_images import captions_file, read_images
from lit_embed.errors import UserError


def read(path, **columns):
    return read_images(captions_file(str(path)), None, "train", **columns)


def picture(tmp_path, i: int) -> bytes:
    return (tmp_path / f"photos/{i}.png").read_bytes()


@pytest.fixture
def photos(tmp_path):
    return toy_photos(tmp_path / "photos", 3, captions=2)


def test_rows_of_one_file_are_one_image_with_several_captions(photos, tmp_path):
    found = read(photos)
    assert found.names == ["0.png", "1.png", "2.png"] and [len(own) for own in found.captions] == [2, 2, 2]
    assert [path.read_bytes() for path in found.images] == [picture(tmp_path, i) for i in range(3)]
    assert found.where[1].endswith("captions.csv, row 3")


def test_jsonl_with_lists_and_a_file_by_itself(photos, tmp_path):
    rows = [{"photo": "1.png", "said": ["a cat", "a cat", "", "a dog"]}, {"photo": "sub/../2.png", "said": ["red"]}]
    (tmp_path / "photos/sub").mkdir()
    (tmp_path / "photos/mine.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = read(tmp_path / "photos/mine.jsonl", image="photo", caption="said")
    assert found.captions == [["a cat", "a dog"], ["red"]] and found.images[1].read_bytes() == picture(tmp_path, 2)


@pytest.mark.parametrize("kind", ["struct", "bytes", "path in struct"])
def test_parquet_holds_the_pictures(kind, photos, tmp_path):
    content = [picture(tmp_path, i) for i in (0, 1, 0)]
    images = {"struct": [{"bytes": each, "path": f"{i}.png"} for i, each in enumerate(content)], "bytes": content,
              "path in struct": [{"bytes": None, "path": f"{photos}/{i}.png"} for i in (0, 1, 0)]}[kind]
    pq.write_table(pa.table({"image": images, "captions": [["a", "b"], ["c"], ["d"]]}), tmp_path / "x.parquet")
    found = read(tmp_path / "x.parquet")
    assert found.captions == [["a", "b", "d"], ["c"]]
    assert [each if isinstance(each, bytes) else each.read_bytes() for each in found.images] == content[:2]
    assert found.names[1] == {"struct": "1.png", "bytes": "1", "path in struct": f"{photos}/1.png"}[kind]


@pytest.mark.parametrize("rows, columns, says", [
    ("file_name,caption\n0.png,a cat\ngone.png,a dog\n", {}, r"captions.csv, row 2: there is no image .*gone.png"),
    ("file_name,caption\n0.png,a cat\n1.png,\n", {}, "row 2: column 'caption' is empty"),
    ("file_name,caption\n0.png,a cat\n,a dog\n", {}, "row 2: column 'file_name' is empty"),
    ("name,caption\n0.png,a cat\n", {}, r"called image or file_name; name that of the images with data.image \('name'"),
    ("file_name,words\n0.png,a cat\n", {"caption": "said"}, "no column 'said'; name that of the captions with data.caption"),
])
def test_a_mistake_is_one_line_with_its_row(rows, columns, says, photos, tmp_path):
    (tmp_path / "photos/captions.csv").write_text(rows)
    with pytest.raises(UserError, match=says):
        read(photos, **columns)


def test_pictures_without_captions_are_one_line(photos, tmp_path):
    (tmp_path / "photos/captions.csv").unlink()
    with pytest.raises(UserError, match="photos holds pictures and no captions.csv that says what they show"):
        captions_file(photos)
    assert captions_file("owner/name") == "owner/name"


def test_bad_rows_can_be_left_out(photos, tmp_path, caplog):
    notice.cache_clear()
    (tmp_path / "photos/captions.csv").write_text("file_name,caption\n0.png,a cat\ngone.png,a dog\n1.png,\n")
    with caplog.at_level("INFO"):
        assert read(photos, on_bad_row="skip").names == ["0.png"]
    assert "2 of 3 rows left out" in caplog.text
    (tmp_path / "photos/captions.csv").write_text("file_name,caption\ngone.png,a dog\n")
    with pytest.raises(UserError, match="no row has an image and a caption"):
        read(photos, on_bad_row="skip")
