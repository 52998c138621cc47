"""An e-mail that a user of Dynamics 365 cancels before the router has taken it up is kept in our row, which tells it to other CRMs."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.flows.by_hand import ByHand
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.send_email import SendEmail
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.sending import SendOutcome, SendResult
from email_router.core.settings import Configuration
from email_router.core.work import OutgoingWork
from email_router.core.write_back import WriteBack
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.values import Item
from email_router.edge.crm.dataverse_outgoing import OUTGOING
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_rig import EMAIL, OTHER
from tests.deliveries import NOW, later
from tests.fakes import CountingMeters, FixedClock
from tests.memory.alerts import MemoryAlerts
from tests.memory.sender import MemorySender

FROM = "office@contoso.example"


def pressed(office: Office, key: str = EMAIL) -> None:
    office.rig.outgoing(key)
    office.process.put("email", activityid=key, statecode=1, statuscode=6)


def cancelled(office: Office, key: str = EMAIL) -> None:
    office.rig.client.call("PATCH", f"emails({key})", {"statecode": 2, "statuscode": 5})


def our_row(office: Office, key: str = EMAIL) -> Item:
    return Table(office.place.clients.dynamodb, office.place.crm).get((Keys("contoso").email(key), OUTGOING)) or {}


def road(office: Office, sender: MemorySender) -> Outgoing:
    profile = Profile(name="out", direction=Direction.OUTGOING, server="smtp")
    mailbox = Mailbox(address=FROM, outgoing="out")
    stores = office.stores
    return Outgoing(
        configuration=Configuration(organisation="contoso", profiles=(profile,), mailboxes=(mailbox,)),
        clock=FixedClock(NOW),
        meters=CountingMeters(),
        ledger=stores.ledger,
        alerts=MemoryAlerts(),
        crm=office.crm,
        outgoing=stores.outgoing,
        blobs=stores.blobs,
        queues=stores.queues,
        open_sender=lambda _profile, _mailbox: sender,
    )


def test_one_cancelled_between_the_order_and_its_worker_is_kept_as_cancelled(office: Office) -> None:
    for key in (EMAIL, OTHER):
        pressed(office, key)
    found = [activity for activity, _ in office.crm.pending(NOW, 9)]
    cancelled(office)
    sender = MemorySender()

    SendEmail(road(office, sender), "r").send(OutgoingWork("contoso", "out", FROM, tuple(found)), later(240))

    assert sorted(found) == sorted([EMAIL, OTHER])
    assert [envelope.activity for envelope, _ in sender.sent] == [OTHER]
    assert (our_row(office)["status"], our_row(office)["reason"]) == ("cancelled", "cancelled before it was sent")
    assert office.stores.outgoing.get(EMAIL) is None
    email = office.crm.email(EMAIL)
    assert email is not None
    assert (email.status, email.reason) == (EmailStatus.CANCELLED, "cancelled before it was sent")


def test_one_cancelled_by_a_command_is_kept_as_cancelled(office: Office) -> None:
    pressed(office)
    out = road(office, MemorySender())

    for _ in range(2):
        ByHand(clock=out.clock, crm=office.crm, outgoing=out.outgoing, alerts=out.alerts, who="by hand").cancel(EMAIL)

    assert (our_row(office)["status"], our_row(office)["reason"]) == ("cancelled", "cancelled by a person")


@pytest.mark.parametrize("status", [EmailStatus.SENT, EmailStatus.SENDING, EmailStatus.FAILED])
def test_whatever_else_is_told_of_it_then_changes_no_row(office: Office, status: EmailStatus) -> None:
    pressed(office)
    cancelled(office)

    assert office.crm.write_back(WriteBack(activity=EMAIL, status=status)) is False

    assert our_row(office) == {}


def test_that_it_is_cancelled_is_not_said_of_one_that_waits_or_is_gone(office: Office) -> None:
    """The table's word decides, not ours."""
    pressed(office)
    told = WriteBack(activity=OTHER, status=EmailStatus.CANCELLED)

    assert office.crm.write_back(told) is False

    assert our_row(office, OTHER) == {}


def test_one_that_waits_and_is_cancelled_comes_up_once_more_and_then_never(office: Office) -> None:
    """It is not among those that wait in Dynamics 365 any more, and nobody would look at it again."""
    for key in (EMAIL, OTHER):
        pressed(office, key)
        cancelled(office, key)
    office.crm.postpone([EMAIL], office_time(office) + timedelta(minutes=5))  # collected a moment before

    (found,) = list(office.crm.pending(office_time(office), 9))
    SendEmail(road(office, MemorySender()), "r").send(OutgoingWork("contoso", "out", FROM, (EMAIL,)), later(240))

    assert found == (EMAIL, FROM)  # the other one was never ours: it may have been a draft
    assert list(office.crm.pending(office_time(office), 9)) == []


def test_one_that_was_put_off_and_is_cancelled_ends_in_its_state(office: Office) -> None:
    pressed(office)
    sender = MemorySender()
    sender.answers = [SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later", after=9999)]
    order = OutgoingWork("contoso", "out", FROM, (EMAIL,))
    SendEmail(road(office, sender), "r").send(order, later(240))
    cancelled(office)

    (found,) = list(office.crm.pending(office_time(office), 9))
    SendEmail(road(office, sender), "r").send(order, later(240))

    state = office.stores.outgoing.get(EMAIL)
    assert state is not None
    assert (found[0], state.status, len(sender.sent)) == (EMAIL, EmailStatus.CANCELLED, 1)
    assert list(office.crm.pending(office_time(office), 9)) == []


def test_one_under_way_that_is_cancelled_too_late_comes_up_when_its_worker_counts_as_dead(office: Office) -> None:
    """Whether it has left is still to be settled; its worker is let alone until then."""
    pressed(office)
    dead = office_time(office) + timedelta(minutes=30)
    assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING, due=dead))
    cancelled(office)

    found = [list(office.crm.pending(at, 9)) for at in (dead - timedelta(seconds=1), dead)]

    assert found == [[], [(EMAIL, FROM)]]


@pytest.mark.parametrize("end", [EmailStatus.FAILED, EmailStatus.UNKNOWN])
def test_one_that_came_to_its_end_before_a_user_cancelled_it_stays_so(office: Office, end: EmailStatus) -> None:
    pressed(office)
    assert office.crm.write_back(WriteBack(activity=EMAIL, status=end, reason="550"))
    cancelled(office)

    assert list(office.crm.pending(office_time(office), 9)) == []


def test_what_was_cancelled_hours_ago_is_looked_at_no_more(office: Office) -> None:
    pressed(office)
    office.crm.postpone([EMAIL], later(60))
    cancelled(office)

    assert list(office.crm.pending(office_time(office) + timedelta(hours=2), 9)) == []


def office_time(office: Office) -> datetime:
    """Return when Dynamics 365 noted the last change of the e-mail."""
    return datetime.fromisoformat(office.rig.email(EMAIL)["modifiedon"])
