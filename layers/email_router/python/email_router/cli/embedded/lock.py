"""Keep two runs off the same state folder."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from email_router.cli.embedded.trouble import EmbeddedCloudError


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder for this process, made if absent.  The kernel lets go when the process ends, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise EmbeddedCloudError(
            f"the state folder {folder} cannot be used: {error.strerror}. Give another with --state."
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            holder = os.pread(descriptor, 20, 0).decode().strip() or "?"
            raise EmbeddedCloudError(
                f"the state folder {folder} is in use by another email-router (process {holder}). "
                "Wait until it has ended, or give another folder with --state."
            ) from taken
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
