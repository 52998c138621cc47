"""Give the tests of IMAP a server that follows a script."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.simulators.imap import ImapServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def server(certificate: tuple[Path, Path]) -> Iterator[ImapServer]:
    running = ImapServer(certificate)
    yield running
    running.stop()
