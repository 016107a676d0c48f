"""Whole or not at all."""

import errno
import threading

import pytest
import torch

from lit_embed.errors import UserError
from lit_embed.files import AtomicCheckpointIO, _exchange, drop_rows_after, write_beside


def test_a_file_appears_when_it_is_whole(tmp_path):
    with write_beside(tmp_path / "new/result.json") as beside:
        beside.write_text("1")
        assert not (tmp_path / "new/result.json").exists()
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["result.json"]


def test_a_failure_leaves_what_stood_there(tmp_path):
    (tmp_path / "result.json").write_text("old")
    with pytest.raises(ZeroDivisionError), write_beside(tmp_path / "result.json") as beside:
        beside.write_text("half")
        1 / 0
    assert (tmp_path / "result.json").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_replaces_a_folder(tmp_path):
    for content in "ab":
        with write_beside(tmp_path / "model") as beside:
            beside.mkdir()
            (beside / content).touch()
    assert [f.name for f in tmp_path.iterdir()] == ["model"] and [f.name for f in (tmp_path / "model").iterdir()] == ["b"]


def test_a_full_disk_is_one_line_and_the_last_checkpoint_survives(tmp_path, monkeypatch):
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint({"step": torch.tensor(1)}, path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(UserError, match="the disk is full: .*last.ckpt"):
        AtomicCheckpointIO().save_checkpoint({"step": torch.tensor(2)}, path)
    assert torch.load(path, weights_only=True)["step"] == 1 and len(list(tmp_path.iterdir())) == 1


def test_rows_of_later_steps_and_half_a_line_are_dropped_and_nothing_else_changes(tmp_path):
    file = tmp_path / "log.csv"
    file.write_bytes(b'name,step,loss\r\n"a, b",1,0.5\r\nc,2,\r\nd,10,0.1\r\ne,2,0.3')
    drop_rows_after(file, 2)
    assert file.read_bytes() == b'name,step,loss\r\n"a, b",1,0.5\r\nc,2,\r\n'
    file.write_bytes(b"")
    drop_rows_after(file, 2)
    assert file.read_bytes() == b""


def test_a_reader_always_finds_a_folder_while_it_is_replaced(tmp_path):
    (tmp_path / "it").mkdir(), (tmp_path / "other").mkdir()
    if not _exchange(tmp_path / "it", tmp_path / "other"):
        pytest.skip("this system cannot swap two folders in one step")
    (tmp_path / "other").rmdir()
    stop, missed = threading.Event(), []

    def look():
        while not stop.is_set():
            missed.extend([1] * (not (tmp_path / "it").is_dir()))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(200):
        with write_beside(tmp_path / "it") as beside:
            beside.mkdir()
            (beside / "number").write_text(str(number))
    stop.set()
    reader.join()
    assert (tmp_path / "it/number").read_text() == "199" and [path.name for path in tmp_path.iterdir()] == ["it"]
    assert not missed
