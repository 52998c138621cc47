"""Ask each house the same."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from email_router.core.ports import MailSource
from tests.contracts.houses import HOUSES, House

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=HOUSES)
def house(request: pytest.FixtureRequest) -> House:
    """Each house in turn."""
    return HOUSES[request.param](request)


@pytest.fixture
def source(house: House) -> Iterator[MailSource]:
    """The house's mailbox, opened."""
    with closing(house.open()) as opened:
        yield opened
