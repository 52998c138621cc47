"""What every CRM promises of e-mails, and of those that leave."""

from __future__ import annotations

import pytest

from email_router.core.activity import EmailStatus
from email_router.core.mailbox_state import Lease
from tests.cloud import Stores
from tests.contracts.crm_houses import OWN_RECORDS, guid, outgoing, reads_the_same
from tests.deliveries import SALES, delivery, later


class TestEmails:
    def test_an_email_that_does_not_exist_is_none(self, stores: Stores) -> None:
        assert stores.crm.email("gone") is None

    @pytest.mark.parametrize("stores", OWN_RECORDS, indirect=True)
    def test_emails_are_listed_oldest_first(self, stores: Stores, lease: Lease) -> None:
        stores.crm.deliver([delivery(number) for number in (9, 3, 6)], lease)
        stores.crm.create_outgoing(outgoing(created=later(5)))

        assert [one.subject for one in stores.crm.emails()] == [
            delivery(3).activity.subject,
            "Your order",
            delivery(6).activity.subject,
            delivery(9).activity.subject,
        ]


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
        stores.crm.write_back(guid("e2"), EmailStatus.SENT)

        stores.crm.postpone([guid("e1"), guid("e2"), guid("gone")], later(300))

        assert list(stores.crm.pending(later(299), 10)) == []
        assert list(stores.crm.pending(later(300), 10)) == [(guid("e1"), SALES)]

    def test_what_is_written_back_is_read_and_what_is_not_given_stays(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing(text="x" * 9000))

        assert stores.crm.write_back(
            guid("e1"), EmailStatus.SENDING, subject="Your order CRM:1", tracking_token="CRM:1", attempts=1
        )
        assert stores.crm.write_back(
            guid("e1"), EmailStatus.SENT, message_id="<e1@contoso.example>", sent=later(9), reason="250 ok"
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
        stores.crm.write_back(guid("e1"), EmailStatus.SENDING)

        assert stores.crm.write_back(guid("e1"), EmailStatus.DEFERRED, due=later(60), reason="451")

        assert list(stores.crm.pending(later(59), 10)) == []
        assert list(stores.crm.pending(later(60), 10)) == [(guid("e1"), SALES)]
        assert stores.crm.email(guid("e1")).due == later(60)

    def test_an_email_whose_sending_never_ended_is_collected_again_when_its_time_comes(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.postpone([guid("e1")], later(300))

        stores.crm.write_back(guid("e1"), EmailStatus.SENDING, attempts=1)

        assert list(stores.crm.pending(later(299), 10)) == []
        assert list(stores.crm.pending(later(300), 10)) == [(guid("e1"), SALES)]
        stores.crm.write_back(guid("e1"), EmailStatus.UNKNOWN)
        assert list(stores.crm.pending(later(9999), 10)) == []

    def test_a_cancelled_email_is_neither_collected_nor_written_back(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())

        assert stores.crm.cancel(guid("e1")) is True
        assert stores.crm.cancel(guid("e1")) is False
        assert stores.crm.write_back(guid("e1"), EmailStatus.SENT) is False
        assert stores.crm.write_back(guid("gone"), EmailStatus.SENT) is False
        assert list(stores.crm.pending(later(9), 10)) == []
        assert stores.crm.email(guid("e1")).status is EmailStatus.CANCELLED

    def test_an_email_under_way_is_not_cancelled(self, stores: Stores) -> None:
        stores.crm.create_outgoing(outgoing())
        stores.crm.write_back(guid("e1"), EmailStatus.SENDING)

        assert stores.crm.cancel(guid("e1")) is False
