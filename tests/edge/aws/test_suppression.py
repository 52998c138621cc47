"""Who lies on the account's suppression list of SES is not sent to, his result says so, and it costs next to no calls."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.flows.by_hand import ByHand
from email_router.core.flows.record_delivery import RecordDelivery
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.ports import Reach
from email_router.core.recipients import told
from email_router.core.sending import Envelope, SendOutcome
from email_router.core.work import DeliveryEvent
from email_router.edge.senders.ses import SesSender
from email_router.edge.senders.ses_suppression import SesSuppression
from email_router.edge.stores import suppressed as module
from email_router.edge.stores.suppressed import DynamoSuppressed
from tests.aws_meter import billed
from tests.flows.house import SALES
from tests.flows.office import Office

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANN, BOB = "ann@fabrikam.example", "Bob@Fabrikam.example"
SENT_RAW = b"Subject: x\r\n\r\nHello\r\n"


@dataclass
class Ses:
    """SES as far as it is asked here: it takes mail, and has a suppression list."""

    listed: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    sent: list[tuple[str, ...]] = field(default_factory=list)
    trouble: Exception | None = None

    def send_email(self, **request: Any) -> dict[str, str]:
        """Take a mail."""
        self.sent.append(tuple(request["Destination"]["ToAddresses"]))
        return {"MessageId": f"ses-{len(self.sent)}"}

    def get_suppressed_destination(self, *, EmailAddress: str) -> dict[str, Any]:  # noqa: N803 - the name in the API
        """Tell of an address on the list (API reference, GetSuppressedDestination)."""
        self.asked.append(EmailAddress)
        if self.trouble:
            raise self.trouble
        if EmailAddress.casefold() not in self.listed:
            raise ClientError({"Error": {"Code": "NotFoundException", "Message": "no"}}, "GetSuppressedDestination")
        since = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
        reason = self.listed[EmailAddress.casefold()]
        return {"SuppressedDestination": {"EmailAddress": EmailAddress, "Reason": reason, "LastUpdateTime": since}}


class Time:
    """A clock."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def known(router_table: Any, time: Time) -> DynamoSuppressed:
    return DynamoSuppressed(router_table, "router", time)


def sender(ses: Ses, known: DynamoSuppressed) -> SesSender:
    profile = Profile(name="out", direction=Direction.OUTGOING, server="ses")
    client: Any = ses
    suppression = partial(SesSuppression, shared=known)
    return SesSender(profile, Mailbox(address=SALES), "", Reach(), client=client, suppression=suppression)


def envelope(*recipients: str) -> Envelope:
    return Envelope(organisation="contoso", activity="e1", sender=SALES, recipients=recipients)


def test_one_on_the_list_is_left_out_and_told_how_he_comes_off_while_the_others_get_it(known: DynamoSuppressed) -> None:
    ses = Ses({BOB.casefold(): "BOUNCE"})
    known.learn([BOB])

    result = sender(ses, known).send(envelope(ANN, BOB), SENT_RAW)

    assert ses.sent == [(ANN,)]
    assert (result.outcome, result.provider_id) == (SendOutcome.ACCEPTED, "ses-1")
    (refused,) = result.recipients
    assert (refused.address, refused.outcome) == (BOB, SendOutcome.REFUSED)
    assert "suppression list of Amazon SES since 2026-11-20 (bounce)" in refused.evidence
    assert "delete-suppressed-destination" in refused.evidence
    assert "outgoing retry" in refused.evidence
    assert len(refused.evidence) <= 300  # what is kept of it


def test_where_all_are_on_the_list_nothing_is_sent(known: DynamoSuppressed) -> None:
    ses = Ses({BOB.casefold(): "COMPLAINT", ANN: "BOUNCE"})
    known.learn([ANN, BOB])

    result = sender(ses, known).send(envelope(ANN, BOB), SENT_RAW)

    assert (ses.sent, result.outcome) == ([], SendOutcome.REFUSED)
    assert {one.address for one in result.recipients} == {ANN, BOB}


def test_nobody_is_asked_for_of_whom_nothing_was_learned(known: DynamoSuppressed) -> None:
    ses = Ses({ANN: "BOUNCE"})

    result = sender(ses, known).send(envelope(ANN), SENT_RAW)

    assert (ses.asked, ses.sent, result.recipients) == ([], [(ANN,)], ())


def test_one_who_was_taken_off_the_list_is_sent_to_and_asked_for_no_more(known: DynamoSuppressed) -> None:
    ses = Ses()
    known.learn([BOB, ANN])
    out = sender(ses, known)

    for _ in range(3):
        out.send(envelope(BOB), SENT_RAW)
    sender(ses, known).send(envelope(BOB), SENT_RAW)

    assert (ses.asked, ses.sent) == ([BOB], [(BOB,)] * 4)
    assert known.holds(ANN)


@pytest.mark.parametrize(
    "trouble",
    [
        ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "slow"}}, "GetSuppressedDestination"),
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetSuppressedDestination"),
        EndpointConnectionError(endpoint_url="https://email.eu-west-1.amazonaws.com"),
    ],
)
def test_where_ses_does_not_tell_nobody_is_held_back_and_it_is_not_asked_again_and_again(
    trouble: Exception, known: DynamoSuppressed
) -> None:
    ses = Ses({ANN: "BOUNCE", BOB.casefold(): "BOUNCE"}, trouble=trouble)
    known.learn([ANN, BOB])

    result = sender(ses, known).send(envelope(ANN, BOB), SENT_RAW)

    assert (ses.sent, result.outcome, result.recipients) == ([(ANN, BOB)], SendOutcome.ACCEPTED, ())
    assert len(ses.asked) == 1
    assert known.holds(ANN)


def test_what_was_learned_is_read_once_a_minute_and_no_oftener(router_table: Any, time: Time) -> None:
    one, other = (DynamoSuppressed(router_table, "router", time) for _ in range(2))
    assert not one.holds(ANN)
    other.learn([ANN])

    with billed(router_table) as bill:
        assert not any(one.holds(f"{number}@fabrikam.example") for number in range(1000))
        time.at += timedelta(seconds=60)
        assert one.holds(ANN.upper())
        assert one.holds(ANN)

    assert bill.calls == {"GetItem": 1}


def test_what_is_known_already_is_not_written_again(router_table: Any, known: DynamoSuppressed) -> None:
    known.learn([ANN, ANN.upper()])

    with billed(router_table) as bill:
        known.learn([ANN])

    assert bill.calls == {"GetItem": 1}


def test_the_latest_are_kept_when_there_are_too_many(known: DynamoSuppressed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 3)
    for number in range(5):
        known.learn([f"{number}@fabrikam.example"])

    assert [number for number in range(5) if known.holds(f"{number}@fabrikam.example")] == [2, 3, 4]


def test_workers_that_learn_at_the_same_time_lose_nothing(known: DynamoSuppressed) -> None:
    people = [f"{number}@fabrikam.example" for number in range(4)]

    with ThreadPoolExecutor(2) as workers:
        list(workers.map(lambda one: known.learn([one]), people))

    assert all(known.holds(one) for one in people)


def record(office: Office, known: DynamoSuppressed, **fields: Any) -> None:
    event = {
        "provider_id": "ses-1",
        "kind": "bounce",
        "permanent": True,
        "reason": "Permanent OnAccountSuppressionList",
    }
    RecordDelivery(
        configuration=office.configuration,
        clock=office.clock,
        meters=office.meters,
        ledger=office.ledger,
        crm=office.crm,
        outgoing=office.outgoing,
        alerts=office.alerts,
        suppressed=known,
    ).record(DeliveryEvent(**{"activity": "e1", "recipients": (BOB,), **event, **fields}))


@pytest.mark.parametrize(
    ("event", "learned"),
    [
        ({}, True),
        ({"kind": "complaint", "permanent": False}, True),
        ({"permanent": False}, False),
        ({"kind": "reject"}, False),
        ({"kind": "delay", "permanent": False}, False),
        ({"kind": "delivery", "permanent": False}, False),
    ],
)
def test_a_hard_bounce_and_a_complaint_are_learned_from_and_nothing_else(
    event: dict[str, Any], learned: bool, known: DynamoSuppressed
) -> None:
    office = Office(server="ses")
    office.write(parties=(Party(Role.FROM, SALES), Party(Role.TO, BOB)))
    office.send()

    record(office, known, **event)

    assert known.holds(BOB) is learned


def test_from_the_bounce_to_the_list_and_off_it_again_each_step_says_what_to_do(
    known: DynamoSuppressed, time: Time
) -> None:
    office, ses = Office(server="ses"), Ses({BOB.casefold(): "BOUNCE"})
    parties = (Party(Role.FROM, SALES), Party(Role.TO, ANN), Party(Role.CC, BOB))
    for name in ("e1", "e2"):
        office.write(name, parties=parties)
    real: Any = office.outgoing_by
    office.road = lambda: real(sender(ses, known))  # type: ignore[method-assign]  # this office sends by SES
    office.send("e1")
    record(office, known)
    time.at += timedelta(seconds=60)

    office.send("e2")
    state = office.outgoing.get("e2")
    assert state is not None
    email = office.crm.activities["e2"]
    assert ses.sent == [(ANN, BOB), (ANN,)]
    assert [(one.address, one.outcome) for one in told(state)] == [
        (ANN, SendOutcome.ACCEPTED),
        (BOB, SendOutcome.REFUSED),
    ]
    assert email.status is EmailStatus.SENT
    assert "delete-suppressed-destination" in (email.reason or "")
    assert any("suppression list" in note.text for note in office.crm.notes("e2"))

    ses.listed.clear()
    crm: Any = office.crm
    ByHand(clock=office.clock, crm=crm, outgoing=office.outgoing, alerts=office.alerts, who="ann").retry("e2")
    office.send("e2")

    assert ses.sent[2:] == [(BOB,)]
    state = office.outgoing.get("e2")
    assert state is not None
    assert {one.outcome for one in told(state)} == {SendOutcome.ACCEPTED}
