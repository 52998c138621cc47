"""Give the drills their cloud, AWS in memory, and an organisation that has been at work in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.cloud import Clients, moto_clients
from tests.recovery.world import Kept, World, at_work, copied

__all__ = ["moto_clients"]


@pytest.fixture(scope="module")
def cloud(moto_clients: Clients) -> Iterator[Clients]:
    """A cloud for the tests of a module; each takes tables and a bucket of its own."""
    with mock_aws():
        yield moto_clients


@pytest.fixture(scope="session")
def remembered() -> list[Kept]:
    """What was built once is copied by every module."""
    return []


@pytest.fixture(scope="module")
def kept(cloud: Clients, remembered: list[Kept], tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """An organisation that has been at work, with a backup of it."""
    if not remembered:
        remembered.append(at_work(cloud, tmp_path_factory.mktemp("backup") / "file"))
    return remembered[0]


@pytest.fixture
def world(cloud: Clients, kept: Kept) -> World:
    """A copy of that organisation, on stores of its own."""
    return copied(cloud, kept)
