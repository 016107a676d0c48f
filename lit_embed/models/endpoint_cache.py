"""Embeddings that were paid for, in one sqlite file: a run that is stopped or repeated asks for none of them again."""

import hashlib
import os
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from lit_embed.errors import UserError, first_line

FOLDER = "~/.cache/lit_embed/endpoint"      # unless LIT_EMBED_ENDPOINT_CACHE names another
AT_ONCE = 500                               # keys in one query; sqlite takes 999 in its oldest builds


class EndpointCache:
    """Vectors by the digest of what was asked; the file may be used by several processes and threads.

    folder   None: the environment's LIT_EMBED_ENDPOINT_CACHE, or ~/.cache/lit_embed/endpoint

    Raises
        UserError   the file is damaged, or cannot be written
    """

    def __init__(self, folder: str | Path | None = None):
        self.file = Path(folder or os.environ.get("LIT_EMBED_ENDPOINT_CACHE") or FOLDER).expanduser() / "embeddings.sqlite"
        self._lock = threading.Lock()
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unusable(error) from error
        # A write waits for those of other processes; threads of this one take turns at the lock.
        self._database = sqlite3.connect(self.file, timeout=120, check_same_thread=False, isolation_level=None)
        # A write ahead log: what was put survives a kill, without a wait for the disk each time.
        self._run("PRAGMA journal_mode = WAL")
        self._run("PRAGMA synchronous = NORMAL")
        self._run("CREATE TABLE IF NOT EXISTS embeddings (key BLOB PRIMARY KEY, embedding BLOB NOT NULL) WITHOUT ROWID")

    def get(self, keys: list[bytes]) -> dict[bytes, np.ndarray]:
        """Those that are there, each (D,) float32."""
        found = {}
        for start in range(0, len(keys), AT_ONCE):
            part = keys[start:start + AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = self._run(f"SELECT key, embedding FROM embeddings WHERE key IN ({marks})", part)
            found |= {key: np.frombuffer(value, dtype="<f4") for key, value in rows}
        return found

    def put(self, keys: Iterable[bytes], embeddings: np.ndarray) -> None:
        """They are safe from the end of this process when this returns."""
        rows = [(key, np.ascontiguousarray(row, dtype="<f4").tobytes()) for key, row in zip(keys, embeddings, strict=True)]
        values = [each for row in rows for each in row]
        for start in range(0, len(values), AT_ONCE):
            part = values[start:start + AT_ONCE]
            self._run("INSERT OR REPLACE INTO embeddings VALUES " + ",".join(["(?,?)"] * (len(part) // 2)), part)

    def _run(self, statement: str, values: Iterable = ()) -> list[tuple]:
        try:
            with self._lock:
                return self._database.execute(statement, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UserError:
        return UserError(f"the cache {self.file} cannot be used ({first_line(error)}): delete it, make room, or let "
                         "LIT_EMBED_ENDPOINT_CACHE name another folder")


def key_of(*parts: object) -> bytes:
    """Another key for any other part, wherever one ends and the next begins.  -> 16 bytes"""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        text = str(part).encode("utf8", "surrogatepass")
        digest.update(len(text).to_bytes(8, "little") + text)
    return digest.digest()
