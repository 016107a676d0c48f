"""An image is its file: the same path or the same bytes have one identity, others another."""

from pathlib import Path

from lit_embed.data.image_dataset import image_ids


def test_equal_files_have_equal_ids():
    ids = image_ids([Path("a.png"), b"\x01\x02", Path("b.png"), Path("a.png"), b"\x01\x02", b"\x01"]).tolist()
    assert ids[0] == ids[3] and ids[1] == ids[4] and len(set(ids)) == 4
