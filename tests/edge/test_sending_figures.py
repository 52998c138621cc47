"""What sending costs, where it can be counted: connections, AWS calls, the memory of large mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import sending

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Give the port of a relay that keeps nothing."""
    with sending.relay() as (_, port):
        yield port


def test_an_order_takes_one_connection(port: int) -> None:
    assert sending.connections(port, 600) == 3


def test_a_new_e_mail_takes_no_more_calls_than_it_did(port: int) -> None:
    found = sending.calls(port, 20)

    assert sum(found.values()) < 10.5
    assert "GetObject" not in found


def test_a_large_mail_takes_little_more_memory_than_its_attachments_and_itself(port: int) -> None:
    assert sending.measured_peak(port, 30) / (30 * sending.MEGABYTE) < 1 + 1.37 + 0.25
