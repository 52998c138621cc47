"""Settings that are those of Dynamics 365: read there in two requests, kept for all functions, in force until they change there."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.approvals import unapproved
from email_router.cli.servers import MailServers
from email_router.core.errors import TryLater
from email_router.core.flows.follow_settings import NOT_FOLLOWED
from email_router.core.mailbox import Accept
from email_router.edge.crm.dataverse_settings import DataverseSettings
from email_router.edge.stores.configurations import DynamoConfigurations
from email_router.wiring import build
from email_router.wiring.services import Services
from tests.cloud import Place
from tests.contracts.dataverse_followed import ANN, MORE, OFFICE, PERIOD, USER, Followed
from tests.contracts.dataverse_rig import Rig
from tests.simulators.dataverse.process import SECRET


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


def test_an_approval_that_is_missing_there_is_told_by_the_test_of_access_before_anything_is_published(
    office: Followed,
) -> None:
    office.mailbox(USER, emailrouteraccessapproval=2)
    written = '[[mailboxes]]\naddress = "eve@contoso.example"\noutgoing = "out"\napproved = false\n'
    servers = MailServers(office.file(more=MORE + written).configuration, lambda _: "", crm_secret=lambda: SECRET)

    waiting = unapproved(servers)

    assert {key: one.kind for key, one in waiting.items()} == dict.fromkeys(
        (USER, "eve@contoso.example"), "not_approved"
    )
    assert "Approve Email" in waiting[USER].mend
    assert "in Dynamics 365" in str(waiting[USER])
    assert "approved = true at [[mailboxes]]" in waiting["eve@contoso.example"].mend


def test_where_the_crm_cannot_be_asked_what_was_known_of_an_approval_holds(office: Followed) -> None:
    office.mailbox(USER, emailrouteraccessapproval=2)
    office.publish()
    servers = MailServers(office.current(), lambda _: "", crm_secret=lambda: "wrong")

    assert list(unapproved(servers)) == [USER]
