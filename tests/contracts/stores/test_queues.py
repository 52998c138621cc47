"""What the queues promise, whether they keep things in memory or in AWS."""

from __future__ import annotations

from email_router.core.work import MailboxWork, OutgoingWork
from tests.cloud import Stores


class TestQueues:
    def test_orders_over_several_batches_arrive(self, stores: Stores) -> None:
        work = [MailboxWork("contoso", f"box{number}@contoso.example") for number in range(23)]

        assert stores.queues.put_mailboxes(iter(work)) == 23

        if stores.place:
            arrived = stores.place.bodies(stores.place.mailbox_queue)
            assert {group for group, _ in arrived} == {"contoso"}
            assert sorted(body["mailbox"] for _, body in arrived) == sorted(one.mailbox for one in work)
            assert set(arrived[0][1]) == {"organisation", "mailbox", "reason"}
        else:
            assert stores.queues.mailboxes == work

    def test_emails_to_send_are_grouped_by_sender(self, stores: Stores) -> None:
        sender = "J\u00fcrgen@contoso.example"
        work = OutgoingWork("contoso", "smtp-out", sender, ("e1", "e2"))

        assert stores.queues.put_outgoing([work]) == 1

        if stores.place:
            ((group, body),) = stores.place.bodies(stores.place.outgoing_queue)
            assert group.isalnum()
            assert body == {
                "organisation": "contoso",
                "profile": "smtp-out",
                "sender": sender,
                "activities": ["e1", "e2"],
            }
        else:
            assert stores.queues.outgoing == [work]

    def test_no_work_is_no_call(self, stores: Stores) -> None:
        assert (stores.queues.put_mailboxes([]), stores.queues.put_outgoing([])) == (0, 0)
