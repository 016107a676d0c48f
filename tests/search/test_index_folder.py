"""A damaged index is one clear line, whatever is wrong with it, and a reader never sees half of two."""

import threading

import numpy as np
import pytest

from lit_embed.errors import UserError
from lit_embed.search import Index, index_folder
from lit_embed.search.index_folder import REMOVED, SETTINGS, TEXTS, VECTORS, checksum
from lit_embed.search.kinds import KINDS


@pytest.fixture
def saved(tmp_path):
    def save(kind="hnsw"):
        vectors = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
        index = Index.build(vectors, [f"passage {i}" for i in range(60)], kind=kind)
        index.remove(["3"])
        index.save(tmp_path / "index")
        return tmp_path / "index"
    return save


def test_a_folder_without_an_index_is_one_clear_line(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UserError, match="no search index in .*vectors.faiss"):
            Index.open(folder)


@pytest.mark.parametrize("file", [VECTORS, TEXTS, SETTINGS, REMOVED])
@pytest.mark.parametrize("damage", [
    lambda content: b"\xffbroken", lambda content: b"", lambda content: content[:-7], lambda content: content + b"more",
    lambda content: content[:len(content) // 2] + b"\x00\xff" + content[len(content) // 2 + 2:],
])
def test_a_damaged_file_is_one_clear_line(saved, file, damage):
    folder = saved()
    content = (folder / file).read_bytes()
    if file == SETTINGS and damage(content).strip() == content.strip():
        return
    (folder / file).write_bytes(damage(content))
    with pytest.raises(UserError, match="build it again") as error:
        Index.open(folder)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize("kind", KINDS)
def test_damage_that_no_checksum_tells_is_refused_too(saved, kind):
    folder = saved(kind)
    settings = index_folder.read_settings(folder)
    (folder / VECTORS).write_bytes((folder / VECTORS).read_bytes()[:200])
    (folder / SETTINGS).unlink()
    (folder / REMOVED).unlink(missing_ok=True)
    index_folder.write_settings(folder, {key: value for key, value in settings.items() if key != "files"})
    with pytest.raises(UserError, match="build it again"):
        Index.open(folder)


def test_a_missing_file_is_one_clear_line(saved):
    folder = saved()
    (folder / REMOVED).unlink()
    with pytest.raises(UserError, match="build it again"):
        Index.open(folder)


def test_a_large_file_is_known_by_pieces_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(index_folder, "PIECE", 10)
    monkeypatch.setattr(index_folder, "PIECES", 4)
    content = bytearray(range(100))
    (tmp_path / "file").write_bytes(content)
    before = checksum(tmp_path / "file")
    assert checksum(tmp_path / "file") == before
    for place, seen in [(0, True), (9, True), (15, False), (35, True), (99, True)]:
        content[place] ^= 1
        (tmp_path / "file").write_bytes(content)
        assert (checksum(tmp_path / "file") != before) == seen
        content[place] ^= 1


def test_a_reader_sees_the_old_index_or_the_new_while_it_is_replaced(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    versions = [Index.build(vectors * sign, [f"{sign}"] * 40) for sign in (1, -1)]
    versions[0].save(tmp_path / "index")
    stop = threading.Event()

    def replace():
        while not stop.is_set():
            for version in versions[::-1]:
                version.save(tmp_path / "index")

    writer = threading.Thread(target=replace)
    writer.start()
    try:
        for _ in range(30):
            opened = Index.open(tmp_path / "index")
            sign = int(opened.text(0))
            assert opened.search(vectors * sign, 1)[1].ravel().tolist() == list(range(40))
    finally:
        stop.set()
        writer.join()
