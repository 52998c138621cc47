"""Make the file of a backup: a line that says what it is, a line of JSON that leads to its key, then the sealed records.

Nothing of it ever lies on a disk in clear, and no half of a file is ever called a backup.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from email_router.cli.recovery.keys import FileKey
from email_router.cli.recovery.records import END, HEAD, MAGIC, OBJECT, PIECE, json_content, object_content, row_content
from email_router.cli.recovery.sealed import SealedWriter
from email_router.core.errors import ConfigurationError
from email_router.edge.connect.values import Item


class ArchiveWriter:
    """Writes records; `counts` tells how many of each."""

    def __init__(self, sealed: SealedWriter) -> None:
        self._sealed = sealed
        self.counts: Counter[str] = Counter()

    def row(self, kind: bytes, item: Item) -> None:
        """Write a row."""
        self._record(kind, row_content(item))

    def json(self, kind: bytes, value: object) -> None:
        """Write a record of JSON."""
        self._record(kind, json_content(value))

    def object(self, key: str, pieces: Iterable[bytes]) -> None:
        """Write an object piece by piece."""
        self._record(OBJECT, object_content(key))
        for piece in pieces:
            self._record(PIECE, piece)

    def end(self) -> None:
        """Write the end."""
        self.json(END, dict(self.counts))
        self._sealed.close()

    def _record(self, kind: bytes, content: bytes) -> None:
        self.counts[kind.decode()] += 1
        self._sealed.write(HEAD.pack(kind, len(content)))
        self._sealed.write(content)


@contextmanager
def created(path: Path, key: FileKey) -> Iterator[ArchiveWriter]:
    """Make the file at the end of the block, whole; where that fails, none.  Raises ConfigurationError where one stands already."""
    if path.exists():
        raise ConfigurationError(f"{path} exists: a backup is never written over; choose another name")
    secret, header = key.new()
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            unfinished.chmod(0o600)
            start = MAGIC + json.dumps(dict(header)).encode() + b"\n"
            file.write(start)
            writer = ArchiveWriter(SealedWriter(file, secret, start))
            yield writer
            writer.end()
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
