"""What every CRM promises of e-mails, and of those that leave."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from email_router.core.activity import About, EmailStatus, Record, StoredAttachment
from email_router.core.flows.activities import attachment_blob, stored
from email_router.core.mailbox_state import Lease
from email_router.core.message import Attachment
from email_router.core.write_back import WriteBack
from tests.cloud import Stores
from tests.contracts.crm_houses import ACCOUNT, guid, outgoing, reads_the_same
from tests.deliveries import ANN, SALES, delivery, later


def wherever(files: Iterable[StoredAttachment]) -> list[StoredAttachment]:
    """Return attachments without where their bytes lie, which each CRM chooses."""
    return [replace(one, blob="") for one in files]


class TestEmails:
    def test_an_email_that_does_not_exist_is_none(self, stores: Stores) -> None:
        assert stores.crm.email("gone") is None

    def test_emails_are_listed_oldest_first(self, stores: Stores, lease: Lease) -> None:
        stores.crm.deliver([delivery(number) for number in (9, 3, 6)], lease)
        stores.crm.create_outgoing(outgoing(created=later(5)))

        assert [one.subject for one in stores.crm.emails()] == [
            delivery(3).activity.subject,
            "Your order",
            delivery(6).activity.subject,
            delivery(9).activity.subject,
        ]

    def test_several_are_read_as_each_by_itself(self, stores: Stores, lease: Lease) -> None:
        file = Attachment("plan.pdf", "application/pdf", b"%PDF-1.7 plan")
        stores.blobs.put(attachment_blob(file), file.content)
        incoming = delivery(1)
        stores.crm.deliver([incoming], lease)
        stores.crm.create_outgoing(outgoing("e1", text="x" * 9000, attachments=(stored(file),)))
        stores.crm.create_outgoing(outgoing("e2", text="".join(map(str, range(9000)))))
        asked = [guid("e2"), incoming.activity.id, guid("gone"), guid("e1")]

        found = stores.crm.several(asked)

        assert found.keys() == {*asked} - {guid("gone")}
        assert all(email == stores.crm.email(name) for name, email in found.items())
        assert wherever(found[guid("e1")].attachments) == wherever([stored(file)])
        assert stores.crm.several(()) == {}


def told(name: str, status: EmailStatus, **more: Any) -> WriteBack:
    return WriteBack(activity=guid(name), status=status, **more)


class TestWriteBackOfSeveral:
    def test_what_is_told_of_several_is_read_of_each(self, stores: Stores) -> None:
        for name in ("e1", "e2", "e3"):
            stores.crm.create_outgoing(outgoing(name))

        sending = [told(name, EmailStatus.SENDING, attempts=1, due=later(60)) for name in ("e1", "e2", "e3")]
        assert stores.crm.write_back_all(sending) == {}
        sent = {"message_id": "<e1@contoso.example>", "subject": "Your order CRM:1", "tracking_token": "CRM:1"}
        ends = [
            told("e1", EmailStatus.SENT, sent=later(9), **sent),
            told("e2", EmailStatus.PENDING, attempts=0, due=later(5), reason="the sender is blocked"),
        ]
        assert stores.crm.write_back_all(ends) == {}

        first, second, third = (stores.crm.email(guid(name)) for name in ("e1", "e2", "e3"))
        assert (first.status, first.date, first.attempts) == (EmailStatus.SENT, later(9), 1)
        assert (first.message_id, first.subject, first.tracking_token) == (*sent.values(),)
        assert (second.status, second.attempts, second.reason) == (EmailStatus.PENDING, 0, "the sender is blocked")
        assert third.status is EmailStatus.SENDING
        assert list(stores.crm.pending(later(59), 10)) == [(guid("e2"), SALES)]
        assert list(stores.crm.pending(later(60), 10)) == [(guid("e2"), SALES), (guid("e3"), SALES)]

    def test_those_that_stand_otherwise_are_named_and_keep_no_other_back(self, stores: Stores) -> None:
        ends = {
            "e1": EmailStatus.CANCELLED,
            "e2": EmailStatus.SENT,
            "e3": EmailStatus.FAILED,
            "e4": EmailStatus.UNKNOWN,
        }
        for name in (*ends, "e5"):
            stores.crm.create_outgoing(outgoing(name))
        stores.crm.cancel(guid("e1"))
        for name, end in list(ends.items())[1:]:
            stores.crm.write_back(WriteBack(activity=guid(name), status=end, reason="as it is"))
        names = (*ends, "gone", "e5")
        gone = {guid("gone"): None}

        sending = stores.crm.write_back_all([told(name, EmailStatus.SENDING) for name in names])
        sent = stores.crm.write_back_all([told(name, EmailStatus.SENT) for name in names])

        assert sending == {guid(name): end for name, end in ends.items()} | gone
        assert sent == {guid("e1"): EmailStatus.CANCELLED, guid("e3"): EmailStatus.FAILED} | gone
        assert [stores.crm.email(guid(name)).status for name in (*ends, "e5")] == [
            EmailStatus.CANCELLED,
            EmailStatus.SENT,
            EmailStatus.FAILED,
            EmailStatus.SENT,
            EmailStatus.SENT,
        ]

    def test_one_that_a_person_lets_wait_again_is_not_told_to_be_sent(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.SENDING))
        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.PENDING, due=later(5)))

        assert stores.crm.write_back_all([told("e1", EmailStatus.SENT)]) == {guid("e1"): EmailStatus.PENDING}

        assert list(stores.crm.pending(later(5), 10)) == [(guid("e1"), SALES)]


class TestOutgoing:
    def test_pending_emails_are_collected_when_due_longest_due_first(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing("e1", due=later(60)))
        stores.crm.create_outgoing(outgoing("e2"))
        stores.crm.create_outgoing(outgoing("e3", due=later(30)))
        stores.crm.create_outgoing(outgoing("e4", status=EmailStatus.DRAFT))

        assert list(stores.crm.pending(later(29), 10)) == [(guid("e2"), SALES)]
        assert list(stores.crm.pending(later(60), 10)) == [
            (guid("e2"), SALES),
            (guid("e3"), SALES),
            (guid("e1"), SALES),
        ]
        assert list(stores.crm.pending(later(60), 2)) == [(guid("e2"), SALES), (guid("e3"), SALES)]

    def test_an_email_created_twice_stays_as_it_was(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.create_outgoing(outgoing(subject="other"))

        assert reads_the_same(stores.crm.email(guid("e1")), outgoing())

    def test_a_postponed_email_is_not_collected_before_then(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing("e1"))
        stores.crm.create_outgoing(outgoing("e2"))
        stores.crm.write_back(WriteBack(activity=guid("e2"), status=EmailStatus.SENT))

        stores.crm.postpone([guid("e1"), guid("e2"), guid("gone")], later(300))

        assert list(stores.crm.pending(later(299), 10)) == []
        assert list(stores.crm.pending(later(300), 10)) == [(guid("e1"), SALES)]

    def test_what_is_written_back_is_read_and_what_is_not_given_stays(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing(text="x" * 9000))

        assert stores.crm.write_back(
            WriteBack(
                activity=guid("e1"),
                status=EmailStatus.SENDING,
                subject="Your order CRM:1",
                tracking_token="CRM:1",
                attempts=1,
            )
        )
        assert stores.crm.write_back(
            WriteBack(
                activity=guid("e1"),
                status=EmailStatus.SENT,
                message_id="<e1@contoso.example>",
                sent=later(9),
                reason="250 ok",
            )
        )

        expected = outgoing(
            text="x" * 9000,
            status=EmailStatus.SENT,
            subject="Your order CRM:1",
            tracking_token="CRM:1",
            attempts=1,
            message_id="<e1@contoso.example>",
            date=later(9),
            reason="250 ok",
        )
        assert reads_the_same(stores.crm.email(guid("e1")), expected)

    def test_an_email_put_back_is_collected_when_it_is_due_again(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.SENDING))

        assert stores.crm.write_back(
            WriteBack(activity=guid("e1"), status=EmailStatus.DEFERRED, due=later(60), reason="451")
        )

        assert list(stores.crm.pending(later(59), 10)) == []
        assert list(stores.crm.pending(later(60), 10)) == [(guid("e1"), SALES)]
        assert stores.crm.email(guid("e1")).due == later(60)

    def test_an_email_whose_sending_never_ended_is_collected_again_when_its_time_comes(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.postpone([guid("e1")], later(300))

        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.SENDING, attempts=1))

        assert list(stores.crm.pending(later(299), 10)) == []
        assert list(stores.crm.pending(later(300), 10)) == [(guid("e1"), SALES)]
        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.UNKNOWN))
        assert list(stores.crm.pending(later(9999), 10)) == []

    def test_a_cancelled_email_is_neither_collected_nor_written_back(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())

        assert stores.crm.cancel(guid("e1")) is True
        assert stores.crm.cancel(guid("e1")) is False
        assert stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.SENT)) is False
        assert stores.crm.write_back(WriteBack(activity=guid("gone"), status=EmailStatus.SENT)) is False
        assert list(stores.crm.pending(later(9), 10)) == []
        assert stores.crm.email(guid("e1")).status is EmailStatus.CANCELLED

    def test_an_email_under_way_is_not_cancelled(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.SENDING))

        assert stores.crm.cancel(guid("e1")) is False

    def test_one_that_was_put_off_is_cancelled_and_nobody_sends_it(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.SENDING, attempts=1))
        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.DEFERRED, due=later(60), reason="451"))

        assert stores.crm.cancel(guid("e1")) is True

        assert list(stores.crm.pending(later(60), 10)) == []
        assert stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.SENDING, attempts=2)) is False
        assert stores.crm.email(guid("e1")).status is EmailStatus.CANCELLED

    def test_what_is_written_back_again_is_as_it_was(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        for _ in range(2):
            stores.crm.write_back(
                WriteBack(activity=guid("e1"), status=EmailStatus.SENDING, subject="Your order CRM:1", attempts=1)
            )
        sent = WriteBack(activity=guid("e1"), status=EmailStatus.SENT, message_id="<e1@contoso.example>", sent=later(9))
        assert stores.crm.write_back(sent)
        first = stores.crm.email(guid("e1"))

        assert stores.crm.write_back(sent)

        assert stores.crm.email(guid("e1")) == first
        assert (first.status, first.attempts) == (EmailStatus.SENT, 1)

    def test_a_bounced_email_is_failed_and_says_why(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.SENDING, attempts=1))
        stores.crm.write_back(
            WriteBack(activity=guid("e1"), status=EmailStatus.SENT, message_id="<e1@contoso.example>", sent=later(9))
        )

        assert stores.crm.write_back(WriteBack(activity=guid("e1"), status=EmailStatus.FAILED, reason="bounce: 5.1.1"))

        email = stores.crm.email(guid("e1"))
        assert (email.status, email.reason, email.date) == (EmailStatus.FAILED, "bounce: 5.1.1", later(9))
        assert list(stores.crm.pending(later(9999), 10)) == []


class TestWhatLeaves:
    def test_its_attachments_are_read_with_their_content(self, stores: Stores) -> None:
        files = [
            Attachment("plan.pdf", "application/pdf", b"%PDF-1.7 plan"),
            Attachment("logo.png", "image/png", b"\x89PNG logo", inline=True, content_id="logo@contoso"),
        ]
        for one in files:
            stores.blobs.put(attachment_blob(one), one.content)

        stores.crm.create_outgoing(outgoing(attachments=tuple(stored(one) for one in files)))

        read = stores.crm.email(guid("e1")).attachments
        assert wherever(read) == wherever(map(stored, files))
        assert [stores.blobs.get(one.blob) for one in read] == [one.content for one in files]

    def test_what_its_author_asks_for_is_read(self, stores: Stores) -> None:
        asked: dict[str, Any] = {
            "importance": "high",
            "automatic": True,
            "read_receipt": True,
            "delivery_receipt": True,
        }

        stores.crm.create_outgoing(outgoing(html="<p>It is on its <b>way</b>.</p>", text="", **asked))

        email = stores.crm.email(guid("e1"))
        assert {name: getattr(email, name) for name in asked} == asked
        assert (email.html, email.text) == ("<p>It is on its <b>way</b>.</p>", "")

    def test_what_it_answers_is_about_and_whose_it_is_are_read(self, stores: Stores, lease: Lease) -> None:
        stores.know("fabrikam@x.example", ACCOUNT)
        stores.know(ANN, Record("user", guid("u-1"), "Ann"))
        question = delivery(1)
        stores.crm.deliver([question], lease)

        stores.crm.create_outgoing(outgoing(correlated=question.activity.id, regarding=ACCOUNT, owner=ANN))

        email = stores.crm.email(guid("e1"))
        assert (email.correlated, email.regarding, email.owner) == (question.activity.id, ACCOUNT, ANN)
        assert stores.crm.about([email.id]) == {email.id: About(ACCOUNT, ANN)}

    def test_lines_and_marks_of_a_plain_text_stay(self, stores: Stores) -> None:
        text = "Dear Erin,\n\n1 < 2 & 3 > 2, <b>not bold</b>, &amp;\n"

        stores.crm.create_outgoing(outgoing(text=text))

        assert (stores.crm.email(guid("e1")).text, stores.crm.email(guid("e1")).html) == (text, "")
