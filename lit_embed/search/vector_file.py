"""FAISS's file: written with the system's own errors or block by block, read by mapping it into memory."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import faiss
import numpy as np


def write_vectors(index: faiss.Index, file: Path) -> None:
    """
    Raises
        OSError   with its number, where FAISS's own writing would make one error of all
    """
    with open(file, "wb") as stream:
        _write(index, stream)


def _write(index: faiss.Index, stream: BinaryIO) -> None:
    errors: list[OSError] = []

    def write(part: bytes) -> None:
        try:
            stream.write(part)
        except OSError as error:                             # FAISS lets no exception through
            errors.append(error)

    faiss.write_index(index, faiss.PyCallbackIOWriter(write))
    if errors:
        raise errors[0]


def write_codes(empty: faiss.Index, blocks: Iterable[np.ndarray], file: Path) -> None:
    """The file of an exhaustive index (flat, int8), as if blocks of vectors (n, D) had been added; none is held.

    Such a file is a head with the number of vectors in it, the length of the codes, and the codes; the length counts
    numbers (flat) or bytes (int8). Tests compare every byte with the file that FAISS writes.
    """
    count, codec = 0, faiss.downcast_index(empty)
    with open(file, "w+b") as stream:
        _write(empty, stream)
        head = stream.tell()
        for block in blocks:
            codes = codec.sa_encode(block)                                                # (n, bytes)
            stream.write(codes.data)
            count += len(codes)
        stream.seek(8)                                       # behind the name of the kind and the width, 4 bytes each
        stream.write(np.int64(count).tobytes())
        stream.seek(head - 8)
        unit = 4 if isinstance(codec, faiss.IndexFlat) else 1
        stream.write(np.int64(count * codec.sa_code_size() // unit).tobytes())


def read_vectors(file: Path, mapped: bool = True) -> faiss.Index:
    """The vectors in memory; mapped, pages of the file come in as searches touch them, shared by all processes."""
    return faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC if mapped else 0)
