"""What the stores of push promise, whether they keep things in memory or in AWS."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from email_router.core.mailbox_state import PassRecord
from email_router.core.subscriptions import Subscription, SubscriptionWork
from tests.cloud import Stores, aws_stores

NOW = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)
SALES = "sales@contoso.example"
ANN = "ann@contoso.example"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def subscription(mailbox: str = SALES, **more: object) -> Subscription:
    whole = Subscription(
        mailbox=mailbox,
        id="7f105c7d",
        key="k",
        resource="users/x/messages",
        address="https://push.contoso.example/",
        state="0123456789abcdef",
        since=NOW,
        expires=later(4200 * 60),
        failures=2,
        retry_at=later(60),
    )
    return replace(whole, **more)  # type: ignore[arg-type]  # fields by name


class TestNudges:
    def test_the_first_nudge_passes_and_those_of_the_next_minute_do_not(self, stores: Stores) -> None:
        nudged = [stores.nudges.nudge(SALES, later(seconds)) for seconds in (0, 0.001, 30, 59.9)]

        assert nudged == [True, False, False, False]

    def test_a_nudge_of_a_minute_ago_counts_as_lost(self, stores: Stores) -> None:
        stores.nudges.nudge(SALES, NOW)

        assert stores.nudges.nudge(SALES, later(60))
        assert not stores.nudges.nudge(SALES, later(61))

    def test_a_nudge_that_was_cleared_makes_room_for_the_next(self, stores: Stores) -> None:
        stores.nudges.nudge(SALES, NOW)

        stores.nudges.clear(SALES)
        stores.nudges.clear(SALES)

        assert stores.nudges.nudge(SALES, later(1))

    def test_mailboxes_are_nudged_apart_and_without_regard_to_case(self, stores: Stores) -> None:
        stores.nudges.nudge(SALES, NOW)

        assert stores.nudges.nudge(ANN, NOW)
        assert not stores.nudges.nudge(SALES.upper(), NOW)

    def test_organisations_are_nudged_apart(self, stores: Stores) -> None:
        if stores.place is None:
            return  # the fake is of one organisation
        stores.nudges.nudge(SALES, NOW)

        assert aws_stores(stores.place, "fabrikam").nudges.nudge(SALES, NOW)

    def test_a_nudge_leaves_the_state_as_it_is(self, stores: Stores) -> None:
        stores.states.schedule(SALES, 60, 900)
        before = stores.states.read(SALES)

        stores.nudges.nudge(SALES, NOW)
        stores.nudges.clear(SALES)

        assert stores.states.read(SALES) == before


class TestSubscriptions:
    def test_a_mailbox_without_a_row_has_an_empty_one(self, stores: Stores) -> None:
        assert stores.subscriptions.read(SALES) == Subscription(mailbox=SALES)

    def test_a_row_comes_back_as_it_was_written_with_the_next_version(self, stores: Stores) -> None:
        assert stores.subscriptions.save(subscription())

        assert stores.subscriptions.read(SALES) == subscription(version=1)
        assert stores.subscriptions.read(SALES.upper()) == subscription(version=1)

    def test_of_two_that_read_the_same_version_one_writes(self, stores: Stores) -> None:
        stores.subscriptions.save(subscription())
        first, second = (stores.subscriptions.read(SALES) for _ in range(2))

        assert stores.subscriptions.save(replace(first, id="first"))
        assert not stores.subscriptions.save(replace(second, id="second"))
        assert not stores.subscriptions.save(subscription(id="third"))
        assert stores.subscriptions.read(SALES).id == "first"

    def test_many_rows_are_read_at_once_and_those_that_lack_are_absent(self, stores: Stores) -> None:
        names = [f"box{number}@contoso.example" for number in range(130)]
        for name in names[:120]:
            stores.subscriptions.save(subscription(name))

        found = stores.subscriptions.read_all(names)

        assert sorted(found) == sorted(names[:120])
        assert found[names[7]].mailbox == names[7]

    def test_a_forgotten_row_can_be_written_anew(self, stores: Stores) -> None:
        stores.subscriptions.save(subscription())

        stores.subscriptions.forget(SALES)
        stores.subscriptions.forget(SALES)

        assert stores.subscriptions.read(SALES).version == 0
        assert stores.subscriptions.save(subscription())

    def test_the_scheduler_sees_until_when_notifications_come(self, stores: Stores) -> None:
        stores.states.schedule(SALES, 60, 900)

        stores.subscriptions.rely_until(SALES, later(3600))
        (relied,) = stores.schedule.mailboxes()
        stores.subscriptions.rely_until(SALES, None)
        (alone,) = stores.schedule.mailboxes()

        assert (relied.pushed_until, alone.pushed_until) == (later(3600), None)

    def test_the_scheduler_sees_that_the_last_pass_failed_until_one_passes(self, stores: Stores) -> None:
        stores.states.schedule(SALES, 60, 900)
        seen = []
        for kind in ("", "unreachable", ""):
            lease = stores.states.lease(SALES, NOW, later(330))
            record = PassRecord(at=NOW, last_mail=None, next_retry=None, error_kind=kind)
            stores.states.release(lease, record)
            seen += [one.failing for one in stores.schedule.mailboxes()]

        assert seen == [False, True, False]

    def test_a_mailbox_that_is_not_scheduled_does_not_come_onto_the_schedule(self, stores: Stores) -> None:
        stores.subscriptions.rely_until(SALES, later(3600))

        assert list(stores.schedule.mailboxes()) == []


class TestQueue:
    def test_looks_after_subscriptions_arrive_with_what_graph_told(self, stores: Stores) -> None:
        work = [
            SubscriptionWork("contoso", SALES),
            SubscriptionWork("contoso", ANN, "subscriptionRemoved", "7f105c7d"),
        ]

        assert stores.queues.put_subscriptions(work) == 2

        if stores.place is None:
            assert stores.queues.subscriptions == work
            return
        arrived = stores.place.bodies(stores.place.subscription_queue)
        assert {group for group, _ in arrived} == {"contoso"}
        bodies = sorted((body for _, body in arrived), key=lambda body: str(body["event"]))
        assert bodies == [
            {"organisation": "contoso", "mailbox": SALES, "event": "", "subscription": ""},
            {"organisation": "contoso", "mailbox": ANN, "event": "subscriptionRemoved", "subscription": "7f105c7d"},
        ]
