"""E-mails that leave from Dataverse: read with their attachments, put off, written back, cancelled by their user."""

from __future__ import annotations

import base64
import contextlib
from dataclasses import replace
from typing import Any

import pytest

from email_router.core.activity import EmailStatus, Role
from email_router.core.errors import MessageRefused, RouterError, TryLater
from email_router.core.mailbox import Direction
from email_router.core.write_back import WriteBack
from email_router.edge.connect.dataverse_batch import Request
from email_router.edge.crm import dataverse_outgoing
from tests.contracts.crm_houses import guid
from tests.contracts.dataverse_crm import Office
from tests.contracts.dataverse_page import Calls
from tests.contracts.dataverse_rig import EMAIL, OTHER
from tests.deliveries import NOW, delivery, later
from tests.fakes import FixedClock
from tests.faults.seam import Fault, Killed, Seam

FROM = "office@contoso.example"


def pressed(office: Office, key: str = EMAIL, **more: Any) -> None:
    """Let a user write an e-mail and press Send."""
    office.rig.outgoing(key, **more)
    office.process.put("email", activityid=key, statecode=1, statuscode=6)


def attached(office: Office, name: str, body: str, key: str = EMAIL, **more: Any) -> None:
    row = {"filename": name, "mimetype": "text/plain", "body": body, "objecttypecode": "email", **more}
    office.rig.client.call("POST", "activitymimeattachments", {**row, "objectid_email@odata.bind": f"/emails({key})"})


def status(office: Office, key: str = EMAIL) -> tuple[int, int]:
    row = office.rig.email(key)
    return row["statecode"], row["statuscode"]


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


class TestWriteBack:
    def test_an_e_mail_under_way_is_sending_there_so_that_its_form_offers_no_cancelling(self, office: Office) -> None:
        pressed(office)

        assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING, attempts=2, due=later(60)))

        row = office.rig.email()
        assert (row["statecode"], row["statuscode"], row["deliveryattempts"]) == (1, 7, 2)

    def test_a_sent_e_mail_is_noted_by_send_email_which_sends_nothing(self, office: Office) -> None:
        pressed(office)
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING, attempts=1))
        office.process.clear_requests()

        assert office.crm.write_back(
            WriteBack(
                activity=EMAIL,
                status=EmailStatus.SENT,
                subject="Offer CRM:1",
                message_id="<own@contoso.example>",
                tracking_token="CRM:1",
                attempts=1,
                sent=later(3),
            )
        )

        (action,) = office.process.requests("SendEmail")
        assert action["body"] == {"IssueSend": False, "TrackingToken": ""}
        row = office.rig.email()
        assert (status(office), row["subject"], row["messageid"]) == ((1, 3), "Offer CRM:1", "<own@contoso.example>")
        assert (row["trackingtoken"], row["senton"] is not None) == ("CRM:1", True)

    def test_writing_it_back_again_changes_nothing(self, office: Office) -> None:
        pressed(office)
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT, subject="Offer CRM:1"))
        office.process.clear_requests()

        assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT, subject="Offer CRM:1"))

        assert office.outer() == [f"GET emails({EMAIL})"]

    def test_a_failed_e_mail_is_open_again_and_says_why(self, office: Office) -> None:
        pressed(office)

        assert office.crm.write_back(
            WriteBack(activity=EMAIL, status=EmailStatus.FAILED, reason="550 no such user: " + "x" * 300, attempts=3)
        )

        row = office.rig.email()
        assert (row["statecode"], row["statuscode"], row["deliveryattempts"]) == (0, 8, 3)
        assert (row["category"][:33], len(row["category"])) == ("E-mail Router: 550 no such user: ", 250)
        email = office.crm.email(EMAIL)
        assert email is not None
        assert email.reason == "550 no such user: " + "x" * 300

    def test_an_e_mail_that_bounces_after_it_was_sent_is_failed(self, office: Office) -> None:
        pressed(office)
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT))

        assert office.crm.write_back(
            WriteBack(activity=EMAIL, status=EmailStatus.FAILED, reason="delivery report: failed for good")
        )

        assert status(office) == (0, 8)

    def test_one_of_which_nobody_knows_whether_it_left_is_failed_there_and_unknown_here(self, office: Office) -> None:
        pressed(office)

        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.UNKNOWN, reason="the line broke"))

        email = office.crm.email(EMAIL)
        assert email is not None
        assert (status(office), email.status) == ((0, 8), EmailStatus.UNKNOWN)

    def test_the_reason_for_which_it_waited_is_gone_once_it_has_left_and_a_user_s_category_stays(
        self, office: Office
    ) -> None:
        pressed(office)
        pressed(office, OTHER, category="Offers")
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.DEFERRED, reason="451 later", due=later(60)))

        for key in (EMAIL, OTHER):
            office.crm.write_back(WriteBack(activity=key, status=EmailStatus.SENT))

        assert [office.rig.email(key)["category"] for key in (EMAIL, OTHER)] == [None, "Offers"]


class TestCancelling:
    def test_a_user_who_cancels_between_our_reading_and_writing_wins(self, office: Office) -> None:
        pressed(office)
        cancels = _Cancelling(office, before="batch")
        crm = office.opened(cancels)  # type: ignore[arg-type]  # a client that lets a user act in between

        assert crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING)) is False

        assert (status(office), cancels.done) == ((2, 5), True)

    def test_a_user_who_cancels_while_it_is_sent_comes_too_late_and_his_word_stays(self, office: Office) -> None:
        pressed(office)
        assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING))
        office.rig.client.call("PATCH", f"emails({EMAIL})", {"statecode": 2, "statuscode": 5})

        assert office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENT)) is False

        assert status(office) == (2, 5)

    def test_an_e_mail_that_others_change_all_the_time_is_tried_later(self, office: Office) -> None:
        pressed(office)
        crm = office.opened(_Changing(office))  # type: ignore[arg-type]  # as above

        with pytest.raises(TryLater):
            crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.SENDING))

        assert status(office) == (1, 6)


def together(*keys: str, status: EmailStatus = EmailStatus.SENDING, **more: Any) -> list[WriteBack]:
    return [WriteBack(activity=key, status=status, **more) for key in keys]


class TestTogether:
    def test_many_are_read_sent_and_told_of_by_few_requests(self, office: Office) -> None:
        keys = [guid(str(number)) for number in range(25)]
        for key in keys:
            pressed(office, key)
        office.process.clear_requests()

        found = office.crm.several(keys)
        assert office.crm.write_back_all(together(*keys, attempts=1, due=later(60))) == {}
        assert office.crm.write_back_all(together(*keys, status=EmailStatus.SENT, sent=later(9))) == {}

        assert list(found) == keys
        assert [status(office, key) for key in keys] == [(1, 3)] * 25
        assert len([one for one in office.process.requests("/api/") if not one["batched"]]) == 6

    def test_the_attachments_of_all_are_read_each_with_its_own_e_mail(self, office: Office) -> None:
        office.rig.outgoing()
        office.rig.outgoing(OTHER)
        for name in ("a.txt", "b.txt"):
            attached(office, name, base64.b64encode(name.encode()).decode())
        for key in (EMAIL, OTHER):
            office.process.put("email", activityid=key, statecode=1, statuscode=6)

        found = office.crm.several([OTHER, EMAIL.upper()])

        assert [one.name for one in found[EMAIL.upper()].attachments] == ["a.txt", "b.txt"]
        assert found[OTHER].attachments == ()
        assert office.stores.blobs.get(found[EMAIL.upper()].attachments[1].blob) == b"b.txt"

    def test_beyond_25_mb_of_attachments_those_behind_are_left_out_but_never_the_first(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(dataverse_outgoing, "_FETCHED", 4)
        keys = [guid(str(number)) for number in range(3)]
        for key in keys:
            office.rig.outgoing(key)
        for key in keys[:2]:
            attached(office, "a.txt", base64.b64encode(b"first").decode(), key=key)
        for key in keys:
            office.process.put("email", activityid=key, statecode=1, statuscode=6)

        assert list(office.crm.several(keys)) == [keys[0], keys[2]]
        assert list(office.crm.several(keys[1:])) == keys[1:]

    def test_a_user_who_cancels_between_reading_and_writing_wins_and_keeps_no_other_back(self, office: Office) -> None:
        pressed(office)
        pressed(office, OTHER)
        cancels = _Cancelling(office, before="batch", reads=1)
        crm = office.opened(cancels)  # type: ignore[arg-type]  # a client that lets a user act in between

        assert crm.write_back_all(together(EMAIL, OTHER)) == {EMAIL: EmailStatus.CANCELLED}

        assert (status(office), status(office, OTHER), cancels.done) == ((2, 5), (1, 7), True)

    def test_one_that_others_change_all_the_time_is_tried_later_and_the_others_are_written(
        self, office: Office
    ) -> None:
        pressed(office)
        pressed(office, OTHER)
        crm = office.opened(_Changing(office))  # type: ignore[arg-type]  # as above

        with pytest.raises(TryLater):
            crm.write_back_all(together(EMAIL, OTHER))

        assert (status(office), status(office, OTHER)) == ((1, 6), (1, 7))

    def test_one_that_failed_there_by_nobodys_word_is_told_from_one_of_which_nobody_knows(self, office: Office) -> None:
        pressed(office)
        pressed(office, OTHER)
        office.crm.write_back(WriteBack(activity=EMAIL, status=EmailStatus.UNKNOWN, reason="the line broke"))
        office.crm.write_back(WriteBack(activity=OTHER, status=EmailStatus.FAILED, reason="550"))

        others = office.crm.write_back_all(together(EMAIL, OTHER, status=EmailStatus.SENT))

        assert others == {OTHER: EmailStatus.FAILED}
        assert (status(office), status(office, OTHER)) == ((1, 3), (0, 8))

    def test_one_that_dataverse_refuses_is_told_when_the_others_are_written(self, office: Office) -> None:
        pressed(office)
        pressed(office, OTHER)
        crm = office.opened(_Refusing(office))  # type: ignore[arg-type]  # as above

        with pytest.raises(MessageRefused):
            crm.write_back_all(together(EMAIL, OTHER))

        assert (status(office), status(office, OTHER)) == ((1, 6), (1, 7))


class _Changing:
    """A client before whose every batch a user changes the e-mail."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def __getattr__(self, name: str) -> Any:
        return getattr(self._office.rig.client, name)

    def act(self) -> None:
        self._office.rig.client.call("PATCH", f"emails({EMAIL})", {"scheduledend": "2026-12-01T00:00:00Z"})

    def batch(self, items: Any) -> Any:
        self.act()
        return self._office.rig.client.batch(items)


class _Cancelling(_Changing):
    """A client before whose first batch a user cancels the e-mail."""

    def __init__(self, office: Office, before: str, reads: int = 0) -> None:
        super().__init__(office)
        self.done = False
        self.left = reads

    def act(self) -> None:
        if self.left:
            self.left -= 1
        elif not self.done:
            self.done = True
            self._office.rig.client.call("PATCH", f"emails({EMAIL})", {"statecode": 2, "statuscode": 5})


class _Refusing(_Changing):
    """A client that spoils what is written of one e-mail: Dataverse refuses it."""

    def batch(self, items: Any) -> Any:
        spoilt = [
            replace(one, content={"subject": 7})
            if isinstance(one, Request) and one.method == "PATCH" and EMAIL in one.target
            else one
            for one in items
        ]
        return self._office.rig.client.batch(spoilt)


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
