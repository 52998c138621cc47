"""A mailbox of Exchange Online moves from EWS to Graph, or back, and its cursor keeps its meaning."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from email_router.core.errors import MessageRefused
from email_router.core.fetched import Position
from email_router.core.flows.reconcile import PickedUp
from email_router.core.flows.route_mailbox import PassOutcome, RouteMailbox
from email_router.core.ledger import Outcome
from email_router.core.mailbox import Mailbox
from email_router.core.ports import Reach
from email_router.core.work import RECONCILE, RECONCILE_NOW, MailboxWork
from email_router.wiring import registry
from tests.fakes import fail
from tests.flows.house import NOW, SALES, mail
from tests.flows.online import Online, delivered, ids
from tests.simulators.ews.process import PASSWORD, EwsProcess
from tests.simulators.graph.process import SECRET, GraphProcess

if TYPE_CHECKING:
    from email_router.core.ports import MailSource
    from tests.simulators.certificates import Authority

LONG_AGO = NOW - timedelta(days=30)


def test_a_profile_that_moves_to_graph_delivers_nothing_twice_and_misses_nothing(online: Online) -> None:
    online.put(*(mail(number) for number in range(5)))
    house = online.house("ews")
    house.route()
    assert delivered(house) == ids(*range(5))
    read_by_ews = house.states.read(SALES).position
    online.put(mail(5), mail(6), at=NOW + timedelta(minutes=1))  # between the last pass by EWS and the change

    house.configure(profile=online.profile("graph"))
    moved = house.route()
    online.put(mail(7), at=NOW + timedelta(minutes=2))
    house.route()

    assert moved.outcome is PassOutcome.ROUTED
    assert delivered(house) == ids(*range(8))
    assert house.states.read(SALES).position != read_by_ews
    assert house.route().outcome is PassOutcome.IDLE
    assert house.quarantine.entries() == []


def test_a_profile_of_several_folders_moves_with_all_of_them(online: Online) -> None:
    folders = ("inbox", "junkemail")
    online.put(mail(0))
    online.put(mail(1), folder="junkemail")
    house = online.house("ews", folders=folders)
    house.route()
    online.put(mail(2), folder="junkemail")

    house.configure(profile=online.profile("graph", folders=folders))
    house.route()

    assert delivered(house) == ids(0, 1, 2)
    assert house.route().outcome is PassOutcome.IDLE


def test_the_bound_of_the_profile_limits_what_is_listed_again(online: Online) -> None:
    online.put(*(mail(number) for number in range(5)), at=NOW - timedelta(days=30))
    online.put(mail(5), mail(6))
    house = online.house("ews")
    house.route()

    house.configure(profile=online.profile("graph", process_received_after=NOW - timedelta(days=1)))
    online.graph.clear_requests()
    house.route()

    asked = [one["path"] for one in online.graph.requests() if one["path"].endswith("/$value")]
    assert len(asked) == 2
    assert delivered(house) == ids(*range(7))


def test_the_way_back_from_graph_to_ews_is_as_safe(online: Online) -> None:
    online.put(mail(0), mail(1))
    house = online.house("graph")
    house.route()
    online.put(mail(2))

    house.configure(profile=online.profile("ews"))
    house.route()

    assert delivered(house) == ids(0, 1, 2)
    assert house.route().outcome is PassOutcome.IDLE


def fetched_by_graph(online: Online) -> int:
    return sum(one["path"].endswith("/$value") for one in online.graph.requests())


def read_by_ews(online: Online) -> int:
    return len(online.ews.requests("IncludeMimeContent>true"))


def opened(online: Online, protocol: str, **changes: object) -> MailSource:
    profile = online.profile(protocol, **changes)
    make = registry.adapter(registry.SOURCES, registry.kind_of(profile))
    return make(profile, Mailbox(address=online.address), SECRET, Reach(loopback=True))  # type: ignore[no-any-return]  # a registered source


def listed(source: MailSource, position: Position, size: int = 100) -> int:
    return sum(len(page.listed) for page in source.pages(position, size))


def test_a_mailbox_of_a_thousand_messages_is_listed_and_not_fetched_anew(
    servers: tuple[EwsProcess, GraphProcess], authority: Authority, tmp_path: Path
) -> None:
    address = "large@contoso.example"
    old = [
        {"raw": base64.b64encode(mail(number)).decode(), "received": LONG_AGO.isoformat()}
        for number in range(1000, 2000)
    ]
    seed = {"mailboxes": [{"address": address, "messages": old}]}
    servers[0].control("mailbox", {"address": address})
    with GraphProcess(tmp_path, authority=authority, seed=seed) as graph:
        graph.application(secrets=(SECRET,))
        online = Online(servers[0], graph, address)
        online.put(mail(1), mail(2))  # EWS is shown the newest only: it has passed the others long ago
        house = online.house("ews")
        house.route()
        online.put(mail(3), at=NOW + timedelta(minutes=1))

        house.configure(profile=online.profile("graph"))
        graph.clear_requests()
        house.route()

        assert delivered(house) == ids(1, 2, 3)
        assert fetched_by_graph(online) == 3
        assert len(graph.requests("/messages/delta")) <= 1003 / 200 + 2
        assert house.route().outcome is PassOutcome.IDLE


def test_only_what_came_in_the_last_day_is_read_again(online: Online) -> None:
    online.put(mail(0), mail(1), at=LONG_AGO)
    online.put(mail(2), at=NOW - timedelta(hours=25))
    online.put(mail(3), at=NOW - timedelta(hours=23))
    online.put(mail(4))
    house = online.house("ews")
    house.route()
    online.put(mail(5), at=NOW + timedelta(minutes=1))

    house.configure(profile=online.profile("graph"))
    online.graph.clear_requests()
    house.route()

    assert fetched_by_graph(online) == 3
    assert delivered(house) == ids(*range(6))


def test_on_the_way_back_only_what_came_in_the_last_day_is_read_again(online: Online) -> None:
    online.put(*(mail(number) for number in range(5)), at=LONG_AGO)
    online.put(mail(5))
    house = online.house("graph")
    house.route()
    house.route()
    online.put(mail(6), at=NOW + timedelta(minutes=1))

    house.configure(profile=online.profile("ews"))
    house.route()

    assert read_by_ews(online) == 2
    assert delivered(house) == ids(*range(7))
    assert house.route().outcome is PassOutcome.IDLE


def test_an_old_message_that_is_moved_in_around_the_change_is_picked_up_by_the_comparison(online: Online) -> None:
    online.put(mail(0))
    house = online.house("ews")
    house.route()
    online.graph.put_message(online.address, mail(1), received=LONG_AGO)  # moved in after the last pass by EWS

    house.configure(profile=online.profile("graph"))
    house.route()
    before = delivered(house)
    work = MailboxWork("contoso", SALES, RECONCILE_NOW)
    summary = RouteMailbox(house.incoming()).route(work, NOW + timedelta(seconds=240))

    assert before == ids(0)
    assert summary.proof is not None
    (one,) = summary.proof.picked_up
    assert one == PickedUp(one.source_id, "<m1@fabrikam.example>", Outcome.DELIVERED)
    assert delivered(house) == ids(0, 1)


@pytest.mark.parametrize(("before", "after"), [("ews", "graph"), ("graph", "ews")])
def test_a_comparison_is_asked_for_after_the_first_round_and_not_after_the_next(
    online: Online, before: str, after: str
) -> None:
    online.put(mail(0), at=LONG_AGO)
    house = online.house(before)
    house.route()
    house.configure(profile=online.profile(after))
    house.clock.advance(2 * 3600)

    house.route()
    asked = [work.reason for work in house.queues.mailboxes]
    house.queues.mailboxes.clear()
    house.clock.advance(60)
    proof = (
        RouteMailbox(house.incoming())
        .route(MailboxWork("contoso", SALES, RECONCILE), house.clock.now() + timedelta(seconds=240))
        .proof
    )
    house.clock.advance(2 * 3600)
    house.route()

    assert RECONCILE in asked
    assert proof is not None
    assert house.queues.mailboxes == []


@pytest.mark.parametrize(("before", "after"), [("ews", "graph"), ("graph", "ews")])
def test_after_the_first_round_an_old_message_that_is_moved_in_is_told_as_ever(
    online: Online, before: str, after: str
) -> None:
    online.put(mail(0))
    house = online.house(before)
    house.route()
    house.configure(profile=online.profile(after))
    house.route()
    online.put(mail(1), at=LONG_AGO)

    house.route()

    assert delivered(house) == ids(0, 1)


@pytest.mark.parametrize(("before", "after"), [("ews", "graph"), ("graph", "ews")])
def test_what_was_listed_and_not_passed_is_read_by_the_other_protocol(online: Online, before: str, after: str) -> None:
    online.put(mail(0))  # the newest is listed first, so that its time proves nothing
    online.put(mail(1), mail(2), mail(3), at=LONG_AGO)
    first = next(iter(opened(online, before).pages(Position(), 2)))
    assert not first.last

    assert listed(opened(online, after), first.position) == 4


def test_a_round_that_is_not_over_proves_no_more_than_the_one_before(online: Online) -> None:
    online.put(mail(0), at=NOW - timedelta(days=20))
    *_, read = opened(online, "ews").pages(Position(), 2)
    online.put(mail(1), mail(2))
    online.put(mail(3), at=NOW - timedelta(days=10))
    first = next(iter(opened(online, "ews").pages(read.position, 2)))
    assert not first.last

    assert listed(opened(online, "graph"), first.position) == 4


def test_a_first_round_by_graph_goes_on_in_the_next_pass_where_it_stopped(online: Online) -> None:
    online.put(*(mail(number) for number in range(5)), at=LONG_AGO)
    online.put(mail(5))
    online.put(*(mail(number) for number in range(6, 11)), at=LONG_AGO)
    online.put(mail(11))
    *_, position = (page.position for page in opened(online, "ews").pages(Position(), 100))
    seen, last = 0, False
    while not last:  # each page by a worker of its own
        page = next(iter(opened(online, "graph").pages(position, 2)))
        position, last, seen = page.position, page.last, seen + len(page.listed)

    assert seen == 2


def test_a_sync_state_that_is_lost_after_the_change_lists_everything(online: Online) -> None:
    online.put(mail(0), at=LONG_AGO)
    online.put(mail(1))
    *_, by_ews = opened(online, "ews").pages(Position(), 100)
    *_, by_graph = opened(online, "graph").pages(by_ews.position, 100)
    online.graph.settings(expire_sync=True)

    assert listed(opened(online, "graph"), by_graph.position) == 2


def test_a_message_that_the_crm_refused_is_tried_again_after_the_change(online: Online) -> None:
    online.put(mail(0), at=LONG_AGO)
    online.put(mail(1))
    house = online.house("ews")
    fail(house.crm, "deliver", MessageRefused("the CRM refuses this message"), times=2)
    house.route()
    assert delivered(house) == ids(1)

    house.configure(profile=online.profile("graph"))
    house.clock.advance(3600)
    house.route()

    assert delivered(house) == ids(0, 1)


def test_the_bound_of_the_profile_and_its_limit_of_messages_are_kept(
    online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    online.graph.settings(filter_limit=10)
    monkeypatch.setattr("email_router.edge.connect.graph_delta.FILTER_LIMIT", 10)
    bound = NOW - timedelta(days=40)
    online.put(mail(0), at=bound - timedelta(days=1))
    online.put(*(mail(number) for number in range(1, 6)), at=LONG_AGO)
    online.put(*(mail(number) for number in range(6, 16)))
    *_, by_ews = opened(online, "ews").pages(Position(), 100)
    online.put(*(mail(number) for number in range(16, 26)))

    found = set[str]()
    for page in opened(online, "graph", process_received_after=bound).pages(by_ews.position, 4):
        found.update(one.source_id for one in page.listed)

    online.graph.settings(filter_limit=5000)
    assert len(found) == 20


@pytest.mark.parametrize("folder", ["inbox", "junkemail"])
def test_each_folder_has_a_time_of_its_own(online: Online, folder: str) -> None:
    online.put(mail(0), at=LONG_AGO, folder=folder)
    online.put(mail(1), at=NOW, folder=folder)
    *_, by_ews = opened(online, "ews", folders=(folder,)).pages(Position(), 100)

    both = opened(online, "graph", folders=("inbox", "junkemail"))

    assert listed(both, by_ews.position) == 1


def test_a_folder_that_was_not_read_before_is_read_from_its_beginning(online: Online) -> None:
    online.put(mail(0))
    online.put(mail(1), mail(2), at=LONG_AGO, folder="junkemail")
    *_, by_ews = opened(online, "ews").pages(Position(), 100)

    assert listed(opened(online, "graph", folders=("inbox", "junkemail")), by_ews.position) == 3


def test_a_server_of_one_s_own_says_nothing_about_exchange_online(online: Online) -> None:
    online.put(mail(0), at=LONG_AGO)
    online.put(mail(1))
    profile = online.ews.profile()
    make = registry.adapter(registry.SOURCES, registry.kind_of(profile))
    *_, page = make(profile, Mailbox(address=online.address), PASSWORD, Reach(loopback=True)).pages(Position(), 100)

    assert listed(opened(online, "graph"), page.position) == 2
