"""Files appear whole or not at all: written beside their name, then moved into place."""

import csv
import ctypes
import errno
import io
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from lit_embed.errors import UserError

HERE, EXCHANGE = -100, 2         # AT_FDCWD and RENAME_EXCHANGE of renameat2(2)


@contextmanager
def write_beside(path: str | Path) -> Iterator[Path]:
    """A temporary path in the folder of `path`; what was written there (a file or a folder) becomes `path` on success.

    A reader sees the old content or the new, never half of either, and a failure leaves the old one.

    Raises
        UserError   the disk is full, or the folder cannot be written
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _move_into_place(beside, path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise UserError(f"the disk is full: {path} was not written, what stood there before is untouched") from error
        if error.errno in (errno.EACCES, errno.EROFS):
            raise UserError(f"{path} cannot be written: {error.strerror}; choose another folder") from error
        raise
    finally:
        _remove(beside)


def _move_into_place(beside: Path, path: Path) -> None:
    if not path.is_dir():
        os.replace(beside, path)
    elif _exchange(beside, path):
        shutil.rmtree(beside)                              # now the old one
    else:
        # A rename over a folder that has files in it is refused by the system, so the old one steps aside first.
        aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.old")
        os.replace(path, aside)
        os.replace(beside, path)
        shutil.rmtree(aside)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step, so that a reader always finds one of them; False where the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform.startswith("linux") else None
    return renameat2 is not None and not renameat2(HERE, os.fsencode(first), HERE, os.fsencode(second), EXCHANGE)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def drop_rows_after(path: str | Path, step: int) -> None:
    """Leave the rows of a csv file whose column `step` says `step` at most; a last line that a kill cut short goes too.

    A run that goes on from a checkpoint writes the later ones once more.
    """
    with open(path, encoding="utf8", newline="") as file:
        lines = [line for line in file.read().splitlines(keepends=True) if line.endswith("\n")]
    if not lines:
        return
    column = next(csv.reader(lines[:1])).index("step")
    kept = [line for line, row in zip(lines[1:], csv.reader(lines[1:]), strict=True) if int(row[column]) <= step]
    with write_beside(path) as beside, open(beside, "w", encoding="utf8", newline="") as file:
        file.writelines(lines[:1] + kept)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning checkpoints written beside their name, flushed to disk, then renamed.

    Lightning's own writer goes through the system's temporary folder, which is often another disk: the move is
    then a copy, and a full disk or a kill in the middle of it leaves half a checkpoint under the final name.
    """

    def save_checkpoint(self, checkpoint: dict, path: str | Path, storage_options: object = None) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        with write_beside(path) as beside, open(beside, "wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
