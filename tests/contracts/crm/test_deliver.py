"""What every CRM promises of delivered mail: one activity, with all that belongs to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from email_router.core.activity import Party, Role, StoredAttachment
from email_router.core.errors import StaleWorker
from email_router.core.ledger import Delivery, LinkKind, Wanted
from email_router.core.mailbox_state import Lease
from tests.cloud import Stores
from tests.contracts.crm_houses import ACCOUNT
from tests.deliveries import ANN, NOW, SALES, delivery, later, linked


def answers(stores: Stores, deliveries: list[Delivery], lease: Lease) -> list[tuple[str, bool]]:
    delivered = stores.crm.deliver(deliveries, lease)
    assert [one.key for one in delivered] == [one.claim.key for one in deliveries]
    return [(one.activity, one.created) for one in delivered]


class TestDeliver:
    def test_a_delivered_mail_is_an_activity_with_all_it_was_given(self, stores: Stores, lease: Lease) -> None:
        attachment = StoredAttachment(
            "a.pdf", "application/pdf", 9, "0" * 64, inline=False, content_id=None, blob="attachment/0"
        )
        stores.blobs.put(attachment.blob, b"nine byte")
        stores.know("fabrikam@x.example", ACCOUNT)
        mail = delivery(
            1,
            attachments=(attachment,),
            references=("<r@x>",),
            conversation_index="ab" * 22,
            defects=("d",),
            regarding=ACCOUNT,
        )

        assert answers(stores, [mail], lease) == [(mail.activity.id, True)]

        stored = stores.crm.email(mail.activity.id)
        assert stored == replace(mail.activity, created=stored.created)
        assert stored.created is not None

    def test_what_else_belongs_to_a_delivery_is_written_with_it(self, stores: Stores, lease: Lease) -> None:
        mail = linked(1, LinkKind.TOKEN, "CRM:0001001")

        stores.crm.deliver([mail], lease)

        key, message_id = mail.claim.key, mail.links[0].value
        assert stores.ledger.claim(key) == mail.claim
        assert stores.ledger.receipts(key) == [mail.receipt]
        assert stores.ledger.traces(key) == [mail.trace]
        found = stores.ledger.find(
            Wanted(keys=(key,), mailboxes=(SALES, ANN), message_ids=(message_id,), tokens=("CRM:0001001",))
        )
        assert (found.claims, found.receipts) == ({key: mail.claim}, {(key, SALES): mail.receipt})
        assert found.message_ids == {message_id: mail.links[0].email}
        assert found.tokens == {"CRM:0001001": mail.links[1].email}

    def test_the_same_call_again_answers_the_same_and_makes_nothing_new(self, stores: Stores, lease: Lease) -> None:
        mails = [delivery(number) for number in range(30)]
        first = answers(stores, mails, lease)

        assert answers(stores, mails, lease) == first == [(mail.activity.id, True) for mail in mails]
        assert len(list(stores.crm.emails())) == 30
        assert all(len(stores.ledger.receipts(mail.claim.key)) == 1 for mail in mails)

    def test_a_mail_in_a_second_mailbox_leaves_a_receipt_there(self, stores: Stores, lease: Lease) -> None:
        first = delivery(1)
        second = replace(delivery(1, ANN), activity=replace(delivery(1, ANN).activity, subject="[EXT] Order"))
        stores.crm.deliver([first], lease)

        assert answers(stores, [second], lease) == [(first.activity.id, False)]

        assert stores.crm.email(first.activity.id).subject == first.activity.subject
        assert {
            (one.mailbox, one.activity, one.content_differs) for one in stores.ledger.receipts(first.claim.key)
        } == {
            (SALES, first.activity.id, False),
            (ANN, first.activity.id, False),
        }
        assert {one.mailbox for one in stores.ledger.traces(first.claim.key)} == {SALES, ANN}

    def test_a_copy_with_another_content_is_marked(self, stores: Stores, lease: Lease) -> None:
        stores.crm.deliver([delivery(1)], lease)

        stores.crm.deliver([delivery(1, ANN, content="with a banner")], lease)

        receipts = {one.mailbox: one.content_differs for one in stores.ledger.receipts(delivery(1).claim.key)}
        assert receipts == {SALES: False, ANN: True}

    def test_copies_within_one_call_are_settled_there(self, stores: Stores, lease: Lease) -> None:
        mails = [delivery(1), delivery(2), delivery(1, ANN), delivery(1), delivery(1, ANN, content="other")]

        created = [created for _, created in answers(stores, mails, lease)]

        assert created == [True, True, False, False, False]
        assert len(list(stores.crm.emails())) == 2
        receipts = {one.mailbox: one.content_differs for one in stores.ledger.receipts(delivery(1).claim.key)}
        assert receipts == {SALES: False, ANN: True}

    def test_a_page_with_known_and_new_mail_is_delivered_whole(self, stores: Stores, lease: Lease) -> None:
        stores.crm.deliver([delivery(number, ANN) for number in (0, 7, 24, 49)], lease)

        created = [created for _, created in answers(stores, [delivery(number) for number in range(50)], lease)]

        assert [number for number, new in enumerate(created) if not new] == [0, 7, 24, 49]
        assert len(list(stores.crm.emails())) == 50

    def test_the_newest_email_holds_a_token_in_whatever_order_mail_comes(self, stores: Stores, lease: Lease) -> None:
        stores.crm.deliver([linked(5, LinkKind.TOKEN, "CRM:1")], lease)

        stores.crm.deliver([linked(3, LinkKind.TOKEN, "CRM:1"), linked(2, LinkKind.TOKEN, "CRM:1"), delivery(9)], lease)

        found = stores.ledger.find(Wanted(tokens=("CRM:1",)))
        assert found.tokens["CRM:1"].activity == delivery(5).activity.id
        assert len(list(stores.crm.emails())) == 4

    def test_all_emails_of_a_subject_are_found(self, stores: Stores, lease: Lease) -> None:
        mails = [linked(number, LinkKind.SUBJECT, "h") for number in range(3)]

        stores.crm.deliver(mails, lease)

        found = stores.ledger.by_subject("h", NOW - timedelta(days=1))
        assert [one.activity for one in found] == [mail.activity.id for mail in reversed(mails)]

    def test_a_stale_worker_delivers_nothing(self, stores: Stores, lease: Lease) -> None:
        stores.states.lease(SALES, later(331), later(700))

        with pytest.raises(StaleWorker):
            stores.crm.deliver([delivery(1)], lease)

        assert (list(stores.crm.emails()), stores.ledger.claim(delivery(1).claim.key)) == ([], None)

    def test_no_deliveries_are_no_answers(self, stores: Stores, lease: Lease) -> None:
        assert list(stores.crm.deliver([], lease)) == []

    def test_a_large_mail_with_a_thousand_recipients_comes_back_whole(self, stores: Stores, lease: Lease) -> None:
        parties = tuple(Party(Role.TO, f"person{number:04d}@a-long-domain.example", "N" * 90) for number in range(1000))
        text = "".join(chr(0x4E00 + number * 7919 % 20000) for number in range(300_000))
        mail = delivery(1, parties=parties, text=text, subject="s" * 60_000)

        stores.crm.deliver([mail, delivery(2, text=text)], lease)

        stored = stores.crm.email(mail.activity.id)
        assert (stored.parties, stored.text, stored.subject) == (parties, text, "s" * 60_000)
