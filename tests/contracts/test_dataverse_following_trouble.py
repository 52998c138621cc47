"""Followed settings while Dataverse is away, refuses or is read by two at once: the last known ones stay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.flows.follow_settings import NOT_READ
from email_router.core.followed import Reading
from email_router.edge.crm.dataverse_settings import DataverseSettings
from tests.cloud import Place
from tests.contracts.dataverse_followed import PERIOD, Followed
from tests.contracts.dataverse_rig import Rig


@pytest.fixture
def office(moto_place: Place, dataverse: Rig, tmp_path: Path) -> Followed:
    return Followed(moto_place, dataverse, tmp_path)


@pytest.mark.parametrize("fault", ["throttled", "unavailable"])
def test_the_last_known_settings_stay_while_dynamics_is_away(office: Followed, fault: str) -> None:
    office.publish()
    before = office.current()
    office.organization(trackingprefix="NEW:")
    office.later()
    office.dataverse.process.fault("POST .*batch", fault)

    office.follow().look()
    assert office.current() == before
    assert list(office.services.alerts("contoso").all()) == []


def test_the_next_look_after_it_was_away_reads_what_changed(office: Followed) -> None:
    office.publish()
    office.organization(trackingprefix="NEW:")
    office.later()
    office.dataverse.process.fault("POST .*batch", "unavailable")
    office.follow().look()

    office.clock.advance(PERIOD / 4 + 1)
    office.follow().look()

    assert office.current().tracking.prefix == "NEW:"


def test_a_missing_privilege_is_told_by_name_and_settled_when_it_is_given(office: Followed) -> None:
    office.publish()
    office.later()
    office.dataverse.process.control("POST", "settings", {"denied": ["prvReadUserSettings"]})

    office.follow().look()

    (alert,) = office.services.alerts("contoso").all()
    assert (alert.kind, "prvReadUserSettings" in alert.text + alert.mend) == (NOT_READ, True)
    office.dataverse.process.control("POST", "settings", {"denied": []})
    office.clock.advance(PERIOD)
    office.follow().look()
    assert list(office.services.alerts("contoso").all()) == []


def test_reading_at_the_wish_of_a_person_raises_what_is_wrong(office: Followed) -> None:
    office.publish()
    office.dataverse.process.control("POST", "settings", {"denied": ["prvReadMailbox"]})

    with pytest.raises(MailboxBlocked, match="prvReadMailbox"):
        office.follow().read_now()


def test_of_two_functions_at_once_one_asks(office: Followed) -> None:
    office.publish()
    office.later()
    first, second = office.follow(), office.follow()
    office.dataverse.process.clear_requests()

    class Interrupted:
        def settings(self, addresses: Sequence[str]) -> Reading:
            second.look()
            return DataverseSettings(office.dataverse.client).settings(addresses)

    replace(first, open_reader=Interrupted).look()

    assert len(office.asked()) == 2


def test_the_later_reading_of_two_wins(office: Followed) -> None:
    office.publish()
    office.later()
    first, second = office.follow(), office.follow()

    class Overtaken:
        def settings(self, addresses: Sequence[str]) -> Reading:
            old = DataverseSettings(office.dataverse.client).settings(addresses)
            office.organization(trackingprefix="NEW:")
            second.read_now()
            return old

    known = replace(first, open_reader=Overtaken).look()

    assert office.current().tracking.prefix == "NEW:"
    assert known is not None
    assert known.tracking["prefix"] == "NEW:"


def test_a_function_that_dies_while_it_reads_keeps_nobody_back_for_long(office: Followed) -> None:
    office.publish()
    office.later()

    class Dying:
        def settings(self, addresses: Sequence[str]) -> Reading:
            raise KeyboardInterrupt(addresses)

    with pytest.raises(KeyboardInterrupt):
        replace(office.follow(), open_reader=Dying).look()
    office.organization(trackingprefix="NEW:")
    office.clock.advance(PERIOD / 4 + 1)

    office.follow().look()

    assert office.current().tracking.prefix == "NEW:"
