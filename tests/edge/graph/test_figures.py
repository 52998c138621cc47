"""What reading a mailbox in Exchange Online costs, counted exactly."""

from __future__ import annotations

from datetime import timedelta

import pytest

from benchmarks import graph as figures
from email_router.core.fetched import Position
from email_router.core.flows.route_mailbox import PassOutcome
from email_router.edge.connect.https import hang_up
from tests.aws_meter import billed
from tests.cloud import Place, aws_stores, moto_clients, moto_place
from tests.edge.graph.mailboxes import LIMIT, api, deltas, mail, source
from tests.flows.house import SALES, House
from tests.flows.house import mail as house_mail
from tests.simulators.counting import CountingProxy
from tests.simulators.graph.process import GraphProcess

__all__ = ["moto_clients", "moto_place"]

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("group", [1, 16, 25])
def test_a_page_of_a_hundred_messages_takes_one_delta_request_and_five_batches_on_one_connection(
    graph: GraphProcess, box: str, group: int
) -> None:
    sizes = [0, 20_000, 0, 300_000] * 24 + [1_000_000] * 4
    raws = [mail(number, size=size) for number, size in enumerate(sizes)]
    for raw in raws:
        graph.put_message(box, raw)
    graph.clear_requests()
    hang_up()
    proxy = CountingProxy(graph.port)
    opened = source(graph, box, endpoint=f"https://127.0.0.1:{proxy.port}")

    assert opened.has_news(Position())
    (page,) = opened.pages(Position(), 240)
    came = []
    for start in range(0, 100, group):
        came += [one.raw for one in opened.fetch(page.listed[start : start + group], LIMIT)]

    assert came == raws
    assert (len(deltas(graph)), len(graph.requests("$batch")), len(api(graph))) == (1, 5, 6)
    assert proxy.connections == 1
    hang_up()
    proxy.close()


def test_no_message_is_read_ahead_of_its_page(graph: GraphProcess, box: str) -> None:
    for number in range(60):
        graph.put_message(box, mail(number))
    opened = source(graph, box)

    for page in opened.pages(Position(), 30):
        for one in page.listed:
            list(opened.fetch([one], LIMIT))

    assert len(graph.requests("$batch")) == 4
    assert len([one for one in graph.requests("$value") if one["batched"]]) == 60


@pytest.mark.parametrize("folders", [(), ("inbox", "archive", "junkemail")])
def test_an_idle_poll_through_the_whole_road_is_one_request_one_read_and_no_write(
    graph: GraphProcess, box: str, moto_place: Place, folders: tuple[str, ...]
) -> None:
    house, stores = House(), aws_stores(moto_place)
    for name in ("states", "ledger", "crm", "quarantine", "outgoing", "alerts", "blobs"):
        setattr(house, name, getattr(stores, name))
    house._open = lambda profile, mailbox: source(graph, box, folders=folders)  # type: ignore[method-assign, assignment, return-value]
    for number in range(3):
        graph.put_message(box, house_mail(number))
    assert house.route().outcome is PassOutcome.ROUTED
    graph.clear_requests()
    house.clock.at += timedelta(seconds=60)

    with billed(moto_place.clients.dynamodb) as bill, billed(moto_place.clients.s3) as blobs:
        outcome = house.route().outcome

    assert outcome is PassOutcome.IDLE
    assert stores.states.read(SALES).position.mark
    assert len([one for one in graph.requests() if not one["batched"]]) == 1
    assert (bill.calls, bill.units, blobs.calls) == ({"GetItem": 1}, 0, {})


def test_a_message_of_sixty_megabytes_takes_at_most_four_times_its_size(graph: GraphProcess, box: str) -> None:
    """In a process of its own, whose peak is its own."""
    graph.put_message(box, figures.large_mail())

    told = figures.measured_peak(graph, box)

    assert told["size"] > 60 * MEGABYTE
    assert told["activities"] == 1
    assert told["grown"] <= 4 * told["size"]


def test_the_next_connection_is_not_opened_for_each_mailbox(graph: GraphProcess) -> None:
    hang_up()
    proxy = CountingProxy(graph.port)
    for number in range(20):
        box = f"many{number}@contoso.example"
        graph.mailbox_state(box, "ok")
        source(graph, box, endpoint=f"https://127.0.0.1:{proxy.port}").has_news(Position())

    assert proxy.connections == 1
    hang_up()
    proxy.close()
