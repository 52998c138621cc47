"""The account's rate and quota are kept over all workers together, and what is beyond them waits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from email_router.core.activity import EmailStatus
from email_router.edge.senders.ses_pace import QUOTA_SECONDS, SesPace
from email_router.edge.stores.send_pace import DynamoSendPace
from tests.cloud import Place
from tests.flows.office import Office

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class Ses:
    """What SES tells of the account; `asked` counts how often."""

    def __init__(self, rate: float = 10, daily: float = 50_000, sent: float = 0) -> None:
        self.quota = {"MaxSendRate": rate, "Max24HourSend": daily, "SentLast24Hours": sent}
        self.asked = 0
        self.refuses = False

    def get_account(self) -> dict[str, Any]:
        """Answer, or refuse the right to ask."""
        self.asked += 1
        if self.refuses:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetAccount")
        return {"SendQuota": self.quota}


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.at = NOW
        self.slept = 0.0

    def now(self) -> datetime:
        """Return the instant."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept += seconds
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def store(router_table: DynamoDBClient) -> DynamoSendPace:
    return DynamoSendPace(router_table, "router")


def pace(ses: Ses, store: DynamoSendPace, time: Time) -> SesPace:
    return SesPace(ses, store, time.now, time.sleep)  # type: ignore[arg-type]  # what it asks of SES


def test_two_workers_together_keep_the_rate_of_the_account(store: DynamoSendPace) -> None:
    ses, time, moments = Ses(rate=10), Time(), []
    workers = [pace(ses, store, time), pace(ses, store, time)]

    for number in range(60):
        assert workers[number % 2].hold() == 0
        moments.append(time.at)

    assert all(
        later - earlier >= timedelta(seconds=0.99) for earlier, later in zip(moments, moments[20:], strict=False)
    )
    assert (moments[-1] - NOW).total_seconds() >= 4.9  # 60 at 10 a second, the last second's begun
    assert ses.asked == 1


def test_a_full_second_waits_a_moment_and_a_long_queue_is_put_off(store: DynamoSendPace) -> None:
    ses, time = Ses(rate=2), Time()
    store.learned(2, None, 0, NOW)
    for _ in range(4):
        store.take(2, 2, NOW, timedelta(seconds=60))

    assert pace(ses, store, time).hold() == 0  # the moment four seconds from now is near enough to wait for
    assert time.slept == pytest.approx(4)
    time.at = NOW
    for _ in range(10):
        store.take(2, 2, NOW, timedelta(seconds=60))
    assert pace(ses, store, time).hold() == pytest.approx(15)


def test_when_the_quota_of_the_day_is_used_up_everything_waits_and_is_asked_again(store: DynamoSendPace) -> None:
    ses, time = Ses(rate=5, daily=200, sent=197), Time()
    worker = pace(ses, store, time)

    assert [worker.hold() for _ in range(3)] == [0, 0, 0]
    assert worker.hold() == QUOTA_SECONDS

    ses.quota["SentLast24Hours"] = 20
    time.at += timedelta(hours=1)
    assert worker.hold() == 0


def test_each_recipient_counts_and_not_each_e_mail(store: DynamoSendPace) -> None:
    ses, time = Ses(rate=10, daily=200), Time()
    worker = pace(ses, store, time)

    for _ in range(6):
        assert worker.hold() == 0
        worker.sent_to(10)

    assert (time.at - NOW).total_seconds() == pytest.approx(
        5, abs=0.2
    )  # five e-mails to ten before the sixth, at ten a second
    held = []
    for _ in range(30):
        worker.sent_to(10)
        held.append(worker.hold())
    assert held[-1] == QUOTA_SECONDS


def test_without_the_right_to_ask_nothing_is_bounded_here(store: DynamoSendPace) -> None:
    ses, time = Ses(), Time()
    ses.refuses = True
    worker = pace(ses, store, time)

    assert [worker.hold() for _ in range(50)] == [0] * 50
    assert (ses.asked, time.slept) == (1, 0)


def test_no_moment_is_given_to_two_however_many_take_at_once(ministack_place: Place) -> None:
    store = DynamoSendPace(ministack_place.clients.dynamodb, ministack_place.router)

    with ThreadPoolExecutor(8) as workers:
        taken = list(workers.map(lambda _: store.take(2, 100, NOW, timedelta(hours=1)), range(40)))

    given = [one for one in taken if one]
    assert len(given) > 20
    assert len(set(given)) == len(given)
    assert all((one - NOW) % timedelta(milliseconds=20) == timedelta(0) for one in given)


def test_what_is_put_off_by_the_pace_is_no_attempt_and_leaves_later() -> None:
    office = Office(server="ses")
    for number in range(5):
        office.write(f"e{number}")
    holds = [0.0, 0.0, 40.0]
    office.sender.hold = lambda: holds.pop(0) if holds else 0.0  # type: ignore[attr-defined]  # a sender that paces
    office.collect()

    for _ in range(3):
        orders, office.queues.outgoing = office.queues.outgoing, []
        for order in orders:
            office.carry_out(order)
        office.clock.advance(41)
        office.collect()

    assert len(office.sender.sent) == 5
    assert {(email.status, email.attempts) for email in office.crm.activities.values()} == {(EmailStatus.SENT, 1)}
