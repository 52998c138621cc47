"""What sending costs, where it can be counted: connections, AWS calls, the memory of large mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import sending
from email_router.core.work import OutgoingWork
from tests.edge.relays import Watching
from tests.flows.house import SALES
from tests.simulators import relay as relay_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulators.relay import Relay


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Give the port of a relay that keeps nothing."""
    with sending.relay() as (_, port):
        yield port


def test_an_order_takes_one_connection(port: int) -> None:
    assert sending.connections(port, 600) == 3


def test_an_e_mail_takes_one_round_trip_where_the_next_one_is_at_hand(
    monkeypatch: pytest.MonkeyPatch, relays: Callable[..., Relay]
) -> None:
    monkeypatch.setattr(relay_module, "_Session", Watching)  # the simulator's own seam: what a session answers
    monkeypatch.setattr(Watching, "ahead", [])
    names = tuple(f"e{number}" for number in range(10))
    office = sending.SmtpOffice(relays().port, len(names))

    done = office.carry_out(OutgoingWork("contoso", "out", SALES, names))

    assert [one.status for one in done] == ["sent"] * 10
    assert [bool(one) for one in Watching.ahead] == [True] * 9 + [False]


def test_a_new_e_mail_takes_at_most_three_calls(port: int) -> None:
    found = sending.calls(port, 20)

    assert sum(found.values()) <= sending.TARGETS["calls"]
    assert "GetObject" not in found


def test_the_peak_of_a_process_that_sends_a_large_mail_is_far_below_its_size(port: int) -> None:
    assert sending.measured_peak(port, 30) / (30 * sending.MEGABYTE) < 0.4
