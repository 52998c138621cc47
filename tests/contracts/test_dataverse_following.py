"""Settings that are those of Dynamics 365: read there in two requests, kept for all functions, in force until they change there."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.backend import Backend
from email_router.core.errors import MailboxBlocked, TryLater
from email_router.core.flows.follow_settings import NOT_FOLLOWED, NOT_READ, FollowSettings
from email_router.core.followed import Reading
from email_router.core.mailbox import Accept
from email_router.core.settings import Configuration
from email_router.edge.crm.dataverse_settings import DataverseSettings
from email_router.edge.stores.configurations import DynamoConfigurations
from email_router.wiring import build
from email_router.wiring.configuration import Loaded, load
from email_router.wiring.following import following
from email_router.wiring.services import Services
from tests.cloud import Place
from tests.contracts.dataverse_published import FILE, services_of
from tests.contracts.dataverse_rig import Rig
from tests.fakes import FixedClock
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT

ORGANIZATION = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0003"
ANN = "7f0a4b0e-0d0c-4d0a-8f3e-5f2a6f1c0010"
OFFICE = "office@contoso.example"
USER = "ann@contoso.example"
MORE = """
[[mailboxes]]
address = "ann@contoso.example"
outgoing = "out"
"""
PERIOD = 300.0


class Followed:
    """A published configuration that follows everything, its stores, and the settings of the organisation."""

    def __init__(self, place: Place, dataverse: Rig, folder: Path) -> None:
        self.place, self.dataverse, self.folder = place, dataverse, folder
        self.clock = FixedClock()
        self.services: Services = services_of(place)
        (folder / "ca.pem").write_text(dataverse.process.authority.pem)
        self.mailboxes: dict[str, str] = {}
        queue = dataverse.queue(OFFICE, incomingemailfilteringmethod=1)
        dataverse.process.put("systemuser", systemuserid=ANN, fullname="Ann", internalemailaddress=USER)
        dataverse.process.put("usersettings", systemuserid=ANN, incomingemailfilteringmethod=3)
        self.mailbox(OFFICE, regardingobjectid={"table": "queue", "id": queue}, emailrouteraccessapproval=1)
        self.mailbox(USER, regardingobjectid={"table": "systemuser", "id": ANN}, emailrouteraccessapproval=1)
        self.organization(trackingprefix="ACME:;CRM:", enablesmartmatching=True, emailcorrelationenabled=True)
        dataverse.process.clear_requests()

    def mailbox(self, address: str, **values: Any) -> None:
        """Make or change a mailbox's record."""
        known = {"mailboxid": self.mailboxes[address]} if address in self.mailboxes else {}
        row = self.dataverse.process.put("mailbox", name=address, emailaddress=address, **known, **values)
        self.mailboxes[address] = str(row["mailboxid"])

    def organization(self, **values: Any) -> None:
        """Change the organisation's settings."""
        self.dataverse.process.put("organization", organizationid=ORGANIZATION, **values)

    def file(self, follow: str = '"tracking", "mailboxes"', tracking: str = "", more: str = MORE) -> Loaded:
        """Return the configuration as a file that follows says it."""
        text = FILE.format(url=self.dataverse.process.url, tenant=TENANT, client=CLIENT) + more
        text = text.replace('ca_bundle = "ca.pem"', f'ca_bundle = "ca.pem"\nfollow = [{follow}]')
        (self.folder / "router.toml").write_text(f"{text}\n[organisation.tracking]\n{tracking}\n")
        return load(self.folder / "router.toml", {"DATAVERSE_SECRET": SECRET})

    def publish(self, loaded: Loaded | None = None) -> int:
        """Publish the file as the command does."""
        backend = Backend(self.services, save=lambda: None, count=lambda _organisation: {})
        return backend.publish(loaded or self.file()).version

    def current(self) -> Configuration:
        """Return what a function reads that has nothing in memory."""
        store = DynamoConfigurations(self.place.clients.dynamodb, self.place.router, ttl=0)
        return store.current("contoso")

    def follow(self) -> FollowSettings:
        """Return what a function refreshes the settings by."""
        made = following(self.services, self.services.configurations.published("contoso"), self.clock)
        return replace(made, period=PERIOD)

    def later(self, seconds: float = PERIOD) -> datetime:
        """Let time pass; the settings that were read at publishing stand at the machine's time."""
        self.clock.at = build.CLOCK.now() + timedelta(seconds=seconds)
        return self.clock.at

    def accepted(self) -> dict[str, tuple[Accept, bool]]:
        """Return accept option and approval of each mailbox in force."""
        return {box.key: (box.accept, box.approved) for box in self.current().mailboxes}

    def asked(self) -> list[str]:
        """Return the requests that Dataverse got, a batch as one."""
        made = [one for one in self.dataverse.process.requests() if not one["batched"] and "/api/" in one["path"]]
        return [str(one["path"]) for one in made]


@pytest.fixture
def office(moto_place: Place, dataverse: Rig, tmp_path: Path) -> Followed:
    return Followed(moto_place, dataverse, tmp_path)


def test_publishing_begins_with_what_holds_there(office: Followed) -> None:
    office.publish()

    tracking = office.current().tracking
    assert (tracking.prefix, tracking.earlier_prefixes, tracking.smart_matching) == ("ACME:", ("CRM:",), True)
    assert office.accepted() == {OFFICE: (Accept.REPLIES, True), USER: (Accept.RECORDS, True)}


def test_what_the_file_says_is_not_followed(office: Followed) -> None:
    written = MORE + 'accept = "none"\napproved = true\n'
    office.mailbox(USER, emailrouteraccessapproval=3)

    office.publish(office.file(tracking='prefix = "OURS:"', more=written))

    assert (office.current().tracking.prefix, office.current().tracking.smart_matching) == ("OURS:", True)
    assert office.accepted()[USER] == (Accept.NONE, True)


@pytest.mark.parametrize(
    ("follow", "prefix", "accept"), [('"tracking"', "ACME:", Accept.ALL), ('"mailboxes"', "CRM:", Accept.REPLIES)]
)
def test_only_the_parts_that_are_named_are_followed(office: Followed, follow: str, prefix: str, accept: Accept) -> None:
    office.publish(office.file(follow))

    assert (office.current().tracking.prefix, office.accepted()[OFFICE][0]) == (prefix, accept)


def test_all_of_it_takes_two_requests(office: Followed) -> None:
    office.publish(office.file())
    office.dataverse.process.clear_requests()
    office.later()

    office.follow().look()

    assert len(office.asked()) == 2
    assert all(path.endswith("$batch") for path in office.asked())


def test_nothing_is_asked_before_half_the_period_has_passed(office: Followed) -> None:
    office.publish()
    office.dataverse.process.clear_requests()

    office.later(PERIOD / 2 - 10)
    office.follow().look()
    assert office.asked() == []

    office.later(PERIOD / 2 + 10)
    office.follow().look()
    assert office.asked() != []


def test_an_idle_look_for_outgoing_e_mails_stays_one_request(office: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    office.publish()
    slow = Services(replace(office.services.environment, config_update_period=PERIOD), office.services.clients)
    monkeypatch.setattr(build, "Services", lambda _environment: slow)  # the clouds of this test
    collect: Callable[[dict[str, Any]], int] = build.collect_outgoing(slow.environment)
    collect({})
    office.dataverse.process.clear_requests()

    collect({})

    assert len(office.asked()) <= 1


def test_a_look_for_outgoing_e_mails_reads_the_settings_when_it_is_time(
    office: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.publish()
    office.organization(trackingprefix="NEW:;ACME:;CRM:")
    monkeypatch.setattr(build, "Services", lambda _environment: office.services)  # the clouds of this test, period 0

    build.collect_outgoing(office.services.environment)({})

    assert office.current().tracking.prefix == "NEW:"


def test_a_changed_prefix_keeps_the_tokens_of_the_ones_before(office: Followed) -> None:
    office.publish()
    office.organization(trackingprefix="NEW:")
    office.later()

    office.follow().look()

    tracking = office.current().tracking
    assert (tracking.prefix, set(tracking.earlier_prefixes)) == ("NEW:", {"ACME:", "CRM:"})


def test_a_prefix_that_is_forgotten_is_found_no_more(office: Followed) -> None:
    office.organization(trackingprefix="ACME:;OLD:")
    office.publish()
    assert office.current().tracking.earlier_prefixes == ("OLD:",)

    office.publish(office.file(tracking='forgotten_prefixes = ["OLD:"]'))

    assert office.current().tracking.earlier_prefixes == ()


def test_an_earlier_prefix_stays_when_the_file_names_one_of_its_own_again(office: Followed) -> None:
    office.publish()

    office.publish(office.file(tracking='prefix = "OURS:"'))

    assert {"ACME:", "CRM:"} <= set(office.current().tracking.earlier_prefixes)


@pytest.mark.parametrize("approval", [0, 2, 3])
def test_a_mailbox_that_loses_its_approval_is_not_served(office: Followed, approval: int) -> None:
    office.publish()
    office.mailbox(USER, emailrouteraccessapproval=approval)
    office.later()

    office.follow().look()

    assert office.accepted() == {OFFICE: (Accept.REPLIES, True), USER: (Accept.RECORDS, False)}


def test_approval_counts_where_the_organisation_asks_for_it(office: Followed) -> None:
    for address in (OFFICE, USER):
        office.mailbox(address, emailrouteraccessapproval=2)
    office.organization(requireapprovalforuseremail=False, requireapprovalforqueueemail=True)

    office.publish()

    assert {key: approved for key, (_, approved) in office.accepted().items()} == {OFFICE: False, USER: True}


def test_a_mailbox_that_is_switched_off_there_is_not_served(office: Followed) -> None:
    office.organization(requireapprovalforuseremail=False)
    office.mailbox(USER, statecode=1, statuscode=2)

    office.publish()

    assert office.accepted()[USER][1] is False


def test_a_changed_option_of_a_user_and_of_a_queue_is_followed(office: Followed) -> None:
    office.publish()
    office.dataverse.process.put("usersettings", systemuserid=ANN, incomingemailfilteringmethod=4)
    queue = next(row for row in office.dataverse.process.rows("queue") if row["emailaddress"] == OFFICE)
    office.dataverse.process.put("queue", queueid=queue["queueid"], incomingemailfilteringmethod=2)
    office.later()

    office.follow().look()

    assert {key: accept for key, (accept, _) in office.accepted().items()} == {
        OFFICE: Accept.CONTACTS,
        USER: Accept.NONE,
    }


def test_a_mailbox_that_is_not_there_keeps_what_the_file_gives_it_and_is_told(office: Followed) -> None:
    more = MORE + '[[mailboxes]]\naddress = "new@contoso.example"\noutgoing = "out"\n'

    office.publish(office.file(more=more))

    assert office.accepted()["new@contoso.example"] == (Accept.REPLIES, True)
    (alert,) = office.services.alerts("contoso").all()
    assert (alert.kind, "new@contoso.example: the CRM has no mailbox" in alert.text) == (NOT_FOLLOWED, True)


def test_a_value_out_of_range_is_told_and_the_one_before_stays(office: Followed) -> None:
    office.publish()
    office.organization(hashdeltasubjectcount=7, trackingtokeniddigits=4, hashfilterkeywords="(")
    office.later()

    office.follow().look()

    tracking = office.current().tracking
    assert (tracking.hash_delta_subject_count, tracking.user_digits) == (0, 4)
    texts = sorted(alert.text for alert in office.services.alerts("contoso").all())
    assert ["hash_delta_subject_count is '7'" in one for one in texts] == [True, False]
    assert "hash_filter_keywords" in texts[1]

    office.organization(hashdeltasubjectcount=1, hashfilterkeywords=None)
    office.later(2 * PERIOD)
    office.follow().look()
    assert office.current().tracking.hash_delta_subject_count == 1
    assert list(office.services.alerts("contoso").all()) == []


def test_mailboxes_that_both_serve_are_told(office: Followed) -> None:
    office.publish()
    office.mailbox(USER, outgoingemaildeliverymethod=2, outgoingemailstatus=1)
    office.mailbox(OFFICE, incomingemaildeliverymethod=2, incomingemailstatus=1)
    office.later()

    office.follow().look()

    (alert,) = office.services.alerts("contoso").all()
    assert f"{USER}: its outgoing mail is served by the CRM itself" in alert.text


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


def test_a_change_is_in_force_in_a_function_with_a_memory_within_the_period(office: Followed) -> None:
    office.publish()
    at = [1000.0]
    store = DynamoConfigurations(office.place.clients.dynamodb, office.place.router, ttl=PERIOD, clock=lambda: at[0])
    before = store.current("contoso")
    office.organization(trackingprefix="NEW:")
    office.later(PERIOD / 2 + 30)
    office.follow().look()

    assert store.current("contoso") is before
    at[0] += PERIOD / 4
    assert store.current("contoso").tracking.prefix == "NEW:"


def test_settings_that_did_not_change_are_no_new_configuration(office: Followed) -> None:
    office.publish()
    at = [1000.0]
    store = DynamoConfigurations(office.place.clients.dynamodb, office.place.router, ttl=PERIOD, clock=lambda: at[0])
    before = store.current("contoso")
    office.later()
    office.follow().look()
    at[0] += PERIOD / 2

    assert store.current("contoso") is before


def test_publishing_the_same_file_again_makes_no_new_version(office: Followed) -> None:
    assert office.publish() == 1
    assert office.publish() == 1

    office.organization(trackingprefix="NEW:;ACME:;CRM:")
    office.publish()

    assert office.current().tracking.prefix == "NEW:"


def test_without_its_row_a_version_holds_what_was_known_when_it_was_published(office: Followed) -> None:
    office.publish()
    key = {"pk": {"S": "ORG#contoso"}, "sk": {"S": "FOLLOWED"}}
    office.place.clients.dynamodb.delete_item(TableName=office.place.router, Key=key)

    assert office.current().tracking.prefix == "ACME:"
    assert office.accepted()[USER] == (Accept.RECORDS, True)


def test_a_publish_that_cannot_read_the_settings_publishes_nothing(office: Followed) -> None:
    loaded = office.file()
    office.dataverse.process.fault("POST .*batch", "unavailable")

    with pytest.raises(TryLater):
        office.publish(loaded)

    assert list(office.services.configurations.organisations()) == []


def test_further_settings_of_the_organisation_are_read_from_their_xml(office: Followed) -> None:
    settings = {
        "MaximumSubjectLengthOnMailServer": "120",
        "DoNotIgnoreInternalEmailToQueues": "false",
        "IgnoreInternalEmailFromQueues": "true",
        "UseFilteringMethodOfSyncingMailboxOnlyForCorrelation": "true",
        "IgnoreConversationIndexAndInReplyToForCorrelation": "true",
    }
    xml = "".join(f"<{name}>{value}</{name}>" for name, value in settings.items())
    office.organization(orgdborgsettings=f"<OrgSettings>{xml}</OrgSettings>", ignoreinternalemail=True)
    office.organization(maximumtrackingnumber=99999)

    office.publish()

    found = office.current().tracking
    assert (found.maximum_subject_length, found.internal_email_to_queues, found.internal_email_from_queues) == (
        120,
        False,
        False,
    )
    assert (found.acceptance, found.correlation, found.internal_email) == ("syncing-mailbox", False, "ignore")
    assert found.counter_digits == 5


def test_a_thousand_mailboxes_take_two_requests_too(office: Followed) -> None:
    addresses = [f"user{number:04}@a-rather-long-name-of-a-domain.contoso.example" for number in range(1000)]

    DataverseSettings(office.dataverse.client).settings([*addresses, USER, OFFICE])

    assert len(office.asked()) == 2
    assert json.dumps(office.dataverse.process.violations()) == "[]"
