"""E-mails that are to leave from Dataverse: read with their attachments, collected when due, and again until their end is told."""

from __future__ import annotations

import base64
import contextlib

import pytest

from email_router.core.activity import EmailStatus, Role
from email_router.core.errors import MessageRefused, RouterError
from email_router.core.mailbox import Direction
from email_router.core.write_back import WriteBack
from tests.contracts.crm_houses import guid
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_page import Calls
from tests.contracts.dataverse_pressed import attached, pressed, status
from tests.contracts.dataverse_rig import EMAIL
from tests.deliveries import NOW, delivery, later
from tests.fakes import FixedClock
from tests.faults.seam import Fault, Killed, Seam

FROM = "office@contoso.example"


class TestReading:
    def test_an_e_mail_to_be_sent_is_read_as_its_user_wrote_it(self, office: Office) -> None:
        before = delivery(1)
        office.deliver(before)
        answers = {"parentactivityid@odata.bind": f"/emails({before.activity.id})"}
        pressed(office, description="<p>Hello</p>", prioritycode=2, isworkflowcreated=True, **answers)

        email = office.crm.email(EMAIL)

        assert email is not None
        assert (email.direction, email.status, email.subject) == (Direction.OUTGOING, EmailStatus.PENDING, "Offer")
        assert (email.html, email.text, email.importance, email.automatic) == ("<p>Hello</p>", "", "high", True)
        assert email.correlated == before.activity.id
        assert (email.addresses(Role.FROM), email.addresses(Role.TO)) == ((FROM,), ("bob@example.com",))
        assert [party.record and party.record.kind for party in email.parties] == ["queue", None]

    def test_its_attachments_lie_in_the_blob_store_then(self, office: Office) -> None:
        office.rig.outgoing()
        attached(office, "a.txt", base64.b64encode(b"first").decode())
        attached(office, "b.png", base64.b64encode(b"second").decode(), attachmentcontentid="<b@x>")
        office.process.put("email", activityid=EMAIL, statecode=1, statuscode=6)

        email = office.crm.email(EMAIL)

        assert email is not None
        assert [(one.name, one.size, one.inline, one.content_id) for one in email.attachments] == [
            ("a.txt", 5, False, None),
            ("b.png", 6, True, "b@x"),
        ]
        assert [office.stores.blobs.get(one.blob) for one in email.attachments] == [b"first", b"second"]

    def test_an_attachment_that_cannot_be_read_refuses_the_e_mail(self, office: Office) -> None:
        office.rig.outgoing()
        attached(office, "a.txt", base64.b64encode(b"first").decode())
        (row,) = office.process.rows("activitymimeattachment")
        office.process.put("email", activityid=EMAIL, statecode=1, statuscode=6)
        office.process.put(
            "activitymimeattachment", activitymimeattachmentid=row["activitymimeattachmentid"], body="%%%"
        )

        with pytest.raises(MessageRefused):
            office.crm.email(EMAIL)

    def test_an_e_mail_that_is_sent_is_read_without_its_attachments_content(self, office: Office) -> None:
        office.rig.outgoing()
        attached(office, "a.txt", base64.b64encode(b"first").decode())
        office.process.put("email", activityid=EMAIL, statecode=1, statuscode=3)
        office.process.clear_requests()

        assert office.crm.email(EMAIL) is not None
        assert office.process.requests("activitymimeattachments") == []


class TestPending:
    def test_what_its_author_wants_sent_later_waits(self, office: Office) -> None:
        pressed(office, delayedemailsendtime="2026-11-02T09:01:00Z")

        assert list(office.crm.pending(later(59), 9)) == []
        assert list(office.crm.pending(later(60), 9)) == [(EMAIL, FROM)]

    def test_an_e_mail_that_somebody_else_is_sending_is_left_alone(self, office: Office) -> None:
        office.rig.outgoing()
        office.process.put("email", activityid=EMAIL, statecode=1, statuscode=7)

        assert list(office.crm.pending(later(9999), 9)) == []

    def test_pages_of_e_mails_that_were_put_off_hide_no_due_one(self, office: Office) -> None:
        keys = [guid(str(number)) for number in range(7)]
        for key in keys:
            pressed(office, key)
        office.crm.postpone(keys[:6], later(300))

        assert list(office.crm.pending(later(0), 1)) == [(keys[6], FROM)]

    def test_incoming_and_draft_e_mails_are_not_collected(self, office: Office) -> None:
        office.rig.outgoing()
        office.deliver(delivery(1))

        assert list(office.crm.pending(later(0), 9)) == []


ENDS = {
    EmailStatus.SENT: (1, 3),
    EmailStatus.FAILED: (0, 8),
    EmailStatus.UNKNOWN: (0, 8),
}


@pytest.mark.parametrize(("end", "joint"), [*((end, False) for end in ENDS), (EmailStatus.SENT, True)])
@pytest.mark.parametrize("fault", [Fault.DIES_BEFORE, Fault.DIES_AFTER, Fault.AWAY, Fault.ANSWER_LOST])
def test_wherever_a_worker_falls_the_e_mail_is_collected_again_until_its_end_is_told(
    office: Office, end: EmailStatus, fault: Fault, *, joint: bool
) -> None:
    pressed(office)
    sites = _fall(office, end, None, fault, joint=joint)
    assert status(office) == ENDS[end]

    for site in range(sites):
        office.process.put("email", activityid=EMAIL, statecode=1, statuscode=6, category=None)
        _fall(office, end, site, fault, joint=joint)
        for _ in range(3):
            if [one for one, _ in office.crm.pending(later(9999), 9)] == [EMAIL]:
                office.crm.write_back(WriteBack(activity=EMAIL, status=end, reason="told"))

        assert status(office) == ENDS[end], f"{fault} at {site}"
        assert list(office.crm.pending(later(9999), 9)) == []


def _fall(office: Office, end: EmailStatus, site: int | None, fault: Fault, *, joint: bool) -> int:
    """Let a worker take the e-mail up and tell its end, and fall at one of its calls; return how many it made."""
    seam = Seam(FixedClock(NOW), {} if site is None else {site: fault})
    crm = office.opened(Calls(seam, office.rig.client))  # type: ignore[arg-type]  # a client behind the seam
    crm._outgoing._table.client = seam.port("dynamodb", office.place.clients.dynamodb)
    with contextlib.suppress(Killed, RouterError):
        crm.postpone([EMAIL], later(300))
        for status_, told in (
            (EmailStatus.SENDING, {"due": later(1800)}),
            (end, {"reason": "told", "subject": "Offer CRM:1"}),
        ):
            if joint:
                crm.write_back_all([WriteBack(activity=EMAIL, status=status_, attempts=1, **told)])
            else:
                crm.write_back(WriteBack(activity=EMAIL, status=status_, attempts=1, **told))
    return len(seam.calls)
