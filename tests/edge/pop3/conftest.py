"""Give the tests of POP3 the simulator under the name of a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.simulators.pop3 import Pop3Server


@pytest.fixture
def server(pop3_server: Pop3Server) -> Pop3Server:
    """The simulator."""
    return pop3_server
