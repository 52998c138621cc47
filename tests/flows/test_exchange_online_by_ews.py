"""Exchange Online by EWS: its own token, its pace, its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from email_router.core.flows.route_mailbox import PassOutcome
from email_router.edge.connect import ews
from tests.flows.house import NOW, SALES, mail
from tests.flows.office import Office
from tests.flows.online import Online, delivered, ids


def test_the_token_is_entra_s_and_impersonates_the_mailbox(online: Online) -> None:
    online.put(mail(0))

    online.house("ews").route()

    assert {row["user"] for row in online.ews.requests()} == {"app"}
    assert all(f"SmtpAddress>{online.address}<" in row["request"] for row in online.ews.requests())


def test_a_token_that_is_refused_is_asked_for_anew_once(online: Online) -> None:
    online.put(mail(0))
    house = online.house("ews")
    online.ews.fault("SyncFolderItems", "status", status=401)

    assert house.route().outcome is PassOutcome.ROUTED
    online.ews.fault("SyncFolderItems", "status", status=401, times=2)
    house.route()

    assert delivered(house) == ids(0)
    assert house.states.read(SALES).error_kind == "login_refused"


def test_a_403_stands_in_the_mailbox_s_state_with_the_dates_and_the_way_out(online: Online) -> None:
    house = online.house("ews")
    online.ews.fault("SyncFolderItems", "status", status=403)

    house.route()

    state = house.states.read(SALES)
    assert state.error_kind == "access_denied"
    for word in ("2026-10-01", "2027-04-01", "EWSAllowedAppIDs", 'protocol = "graph"'):
        assert word in state.error_mend


def test_after_the_last_day_the_mailbox_is_blocked_until_it_moves_to_graph(
    online: Online, monkeypatch: pytest.MonkeyPatch
) -> None:
    online.put(mail(0))
    house = online.house("ews")
    house.route()
    monkeypatch.setattr(ews, "today", lambda: date(2027, 4, 1))
    online.put(mail(1))
    house.route()
    ended = house.states.read(SALES)

    house.configure(profile=online.profile("graph"))
    house.route(reason="requested")

    assert (ended.error_kind, 'protocol = "graph"' in ended.error_mend) == ("not_available", True)
    assert delivered(house) == ids(0, 1)
    assert house.states.read(SALES).error_kind == ""


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(online: Online) -> None:
    online.put(mail(0))
    house = online.house("ews")
    online.ews.fault("SyncFolderItems", "code", code="ErrorServerBusy", values={"BackOffMilliseconds": "297749"})

    house.route()
    busy = house.states.read(SALES)
    house.clock.at = NOW + timedelta(seconds=290)
    early = house.route()
    house.clock.at = NOW + timedelta(seconds=298)
    house.route()

    assert (busy.error_kind, busy.blocked_until) == ("throttled", NOW + timedelta(seconds=297.749))
    assert early.outcome is PassOutcome.BLOCKED
    assert delivered(house) == ids(0)


@pytest.mark.parametrize(("server", "at_once"), [("exchange-online", 30), ("exchange", 70)])
def test_ews_sends_thirty_a_minute_of_one_mailbox_in_exchange_online(server: str, at_once: int) -> None:
    office = Office(server)
    office.configuration = replace(
        office.configuration, profiles=tuple(replace(one, protocol="ews") for one in office.configuration.profiles)
    )
    for number in range(70):
        office.write(f"e{number}")

    assert office.collect() == at_once
    assert [len(order.activities) for order in office.queues.outgoing] == [at_once]
