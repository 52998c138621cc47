"""Where the benchmarks keep what lies in S3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from email_router.core.octets import Octets, pieces_of

_PIECE = 1024 * 1024


class FileBlobs:
    """A blob store in files: what lies in S3 is not in the function's memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: dict[str, Path] = {}

    def _path(self, key: str) -> Path:
        return self._names.setdefault(key, self._folder / str(len(self._names)))

    def put(self, key: str, data: Octets) -> None:
        self.put_stream(key, pieces_of(data))

    def put_stream(self, key: str, pieces: Iterable[bytes]) -> int:
        with self._path(key).open("wb") as file:
            return sum(file.write(piece) for piece in pieces)

    def get(self, key: str) -> bytes:
        return self._path(key).read_bytes()

    def stream(self, key: str) -> Iterator[bytes]:
        with self._path(key).open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def delete(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)
