"""Which mailboxes are subscribed to, and what becomes of a subscription in its life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import Mock

import pytest

from email_router.core.errors import ConfigurationError, MailboxBlocked, RouterError, TryLater
from email_router.core.flows.keep_subscription import KeepSubscription
from email_router.core.flows.schedule import interval, is_due
from email_router.core.flows.subscriptions import (
    MOST_AT_ONCE,
    Stage,
    Step,
    due,
    left_behind,
    pushed,
    resource_of,
    watchable,
)
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.settings import Configuration
from email_router.core.subscriptions import REAUTHORISE, REMOVED, Subscription, SubscriptionWork, Watched, client_state
from email_router.core.work import ScheduledMailbox
from tests.fakes import FixedClock, MemoryAlerts, MemorySchedule, MemoryStates, MemorySubscriptions, fail, fail_after
from tests.memory.subscriptions import MemoryService

SALES = "sales@contoso.example"
ONLINE = Profile(name="online", direction=Direction.INCOMING, server="exchange-online", protocol="graph")
ADDRESS = "https://push.contoso.example/"


class Desk:
    """What looks after the subscription of sales@."""

    def __init__(self, profile: Profile = ONLINE, stage: Stage | None = None) -> None:
        self.clock = FixedClock()
        self.states = MemoryStates()
        self.states.schedule(SALES, 60, 900)
        self.rows = MemorySubscriptions(self.states)
        self.alerts = MemoryAlerts()
        self.service = MemoryService()
        self.stage = stage or Stage(ADDRESS, "secret")
        self.keys = iter(f"key{number}" for number in range(100))
        self.configuration = box_of(profile)
        self.earlier: list[Configuration] = []
        self.opened: list[Profile] = []
        self.renewed = Mock(return_value=False)

    def use(self, profile: Profile) -> None:
        self.publish(box_of(profile))

    def publish(self, configuration: Configuration) -> None:
        self.earlier.insert(0, self.configuration)
        self.configuration = configuration

    @property
    def before(self) -> Mapping[str, tuple[Mailbox, Profile]]:
        return left_behind(self.configuration, self.earlier)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def row(self) -> Subscription:
        return self.rows.read(SALES)

    @property
    def listed(self) -> ScheduledMailbox:
        (found,) = MemorySchedule(self.states).mailboxes()
        return found

    def due(self) -> list[str]:
        rows = self.rows.read_all({*watchable(self.configuration), *self.before})
        return [work.mailbox for work in due(self.configuration, rows, self.stage, self.now)]

    def keep(self, event: str = "", subscription: str = "") -> tuple[Step, RouterError | None]:
        keeper = KeepSubscription(
            configuration=self.configuration,
            stage=self.stage,
            clock=self.clock,
            rows=self.rows,
            alerts=self.alerts,
            open_service=self.open,
            new_key=lambda: next(self.keys),
            before=self.before,
            renewed=self.renewed,
        )
        return keeper.keep(SubscriptionWork("contoso", SALES, event, subscription))

    def open(self, profile: Profile, mailbox: Mailbox) -> MemoryService:
        """Only a profile of Graph leads to its subscriptions."""
        assert (profile.protocol, mailbox.key) == ("graph", SALES)
        self.opened.append(profile)
        return self.service


@pytest.fixture
def desk() -> Desk:
    return Desk()


def box_of(profile: Profile) -> Configuration:
    return Configuration(
        organisation="contoso", profiles=(profile,), mailboxes=(Mailbox(address=SALES, incoming=profile.name),)
    )


@pytest.mark.parametrize(
    ("profile", "subscribed"),
    [
        (ONLINE, True),
        (replace(ONLINE, push=False), False),
        (replace(ONLINE, protocol="ews"), False),
        (replace(ONLINE, cloud="china"), False),
        (replace(ONLINE, cloud="usgov-dod"), True),
        (replace(ONLINE, server="exchange", protocol=""), False),
        (replace(ONLINE, server="imap", protocol=""), False),
        (replace(ONLINE, server="pop3", protocol=""), False),
    ],
)
def test_mailboxes_in_exchange_online_by_graph_are_subscribed_to_unless_push_is_off(
    profile: Profile, subscribed: bool
) -> None:
    configuration = box_of(profile)

    assert (pushed(configuration, configuration.mailbox(SALES)) is not None) is subscribed


def test_the_inbox_is_watched_and_the_whole_mailbox_where_other_folders_are_read() -> None:
    box = Mailbox(address="o'neil+x@contoso.example")

    assert resource_of(ONLINE, box) == "users/o%27neil%2Bx@contoso.example/mailFolders('inbox')/messages"
    assert (
        resource_of(replace(ONLINE, folders=("Orders",)), Mailbox(address=SALES))
        == "users/sales@contoso.example/messages"
    )


def test_a_stack_that_nobody_reaches_has_no_push() -> None:
    for address in ("", "http://localhost:4566/"):
        desk = Desk(stage=Stage(address, "secret"))

        assert desk.due() == []
        assert desk.keep() == (Step.LEAVE, None)
        assert desk.service.calls == []


def test_a_mailbox_without_subscription_gets_one_that_leads_back_to_it_and_proves_itself(desk: Desk) -> None:
    assert desk.due() == [SALES]

    assert desk.keep() == (Step.MAKE, None)

    terms = desk.service.made["s1"]
    address, _, token = terms.url.partition("?mailbox=")
    watched = Watched.of(token)
    assert address == ADDRESS
    assert watched == Watched("contoso", SALES, "key0")
    assert terms.state == client_state("secret", watched)
    assert terms.lifetime == timedelta(minutes=4200)
    assert (desk.row.id, desk.row.expires) == ("s1", desk.now + timedelta(minutes=4200))
    assert desk.due() == []


def test_no_lifetime_above_graph_s_own_limit_is_asked_for() -> None:
    assert Stage(ADDRESS, "secret", 99_999).lifetime == timedelta(minutes=10_070)


def test_a_subscription_is_left_until_half_of_its_lifetime_and_then_renewed(desk: Desk) -> None:
    desk.keep()

    desk.clock.advance(2099 * 60)
    assert desk.due() == []
    desk.clock.advance(60)

    assert desk.due() == [SALES]
    assert desk.keep() == (Step.RENEW, None)
    assert (desk.row.id, desk.row.since) == ("s1", desk.now)
    assert desk.row.expires == desk.now + timedelta(minutes=4200)
    assert desk.listed.pushed_until == desk.row.expires


def test_half_of_a_shorter_lifetime_that_graph_granted_counts(desk: Desk) -> None:
    desk.service.longest = timedelta(minutes=1440)
    desk.keep()

    desk.clock.advance(721 * 60)

    assert desk.due() == [SALES]


def test_a_subscription_that_is_gone_at_its_renewal_is_made_anew_with_another_key(desk: Desk) -> None:
    desk.keep()
    desk.service.ends.clear()
    desk.clock.advance(2100 * 60)

    desk.keep()

    assert (desk.row.id, desk.row.key) == ("s3", "key1")
    assert desk.service.calls == ["make", "renew", "make", "remove"]


def test_a_subscription_that_ran_out_is_made_anew(desk: Desk) -> None:
    desk.keep()
    desk.clock.advance(4300 * 60)

    desk.keep()

    assert desk.row.id == "s2"


def test_a_removed_subscription_is_made_anew_at_once_and_only_once(desk: Desk) -> None:
    desk.keep()

    assert desk.keep(REMOVED, "s1") == (Step.MAKE, None)
    assert desk.keep(REMOVED, "s1") == (Step.LEAVE, None)

    assert desk.service.calls == ["make", "make"]


def test_a_subscription_is_renewed_when_graph_asks_for_authority(desk: Desk) -> None:
    desk.keep()

    assert desk.keep(REAUTHORISE, "s1") == (Step.RENEW, None)


@pytest.mark.parametrize(
    ("address", "secret", "folders"),
    [
        ("https://new.contoso.example/", "secret", ()),
        (ADDRESS, "another", ()),
        (ADDRESS, "secret", ("INBOX", "Orders")),
    ],
)
def test_another_address_secret_or_folder_replaces_the_subscription(
    desk: Desk, address: str, secret: str, folders: tuple[str, ...]
) -> None:
    desk.keep()
    desk.stage = Stage(address, secret)
    desk.use(replace(ONLINE, folders=folders))

    assert desk.due() == [SALES]
    desk.keep()

    assert desk.service.calls == ["make", "make", "remove"]
    assert list(desk.service.made) == ["s2"]
    assert desk.due() == []


@pytest.mark.parametrize(
    "other",
    [
        replace(ONLINE, tenant_id="t2"),
        replace(ONLINE, client_id="c2"),
        replace(ONLINE, cloud="usgov"),
        replace(ONLINE, endpoint="https://graph.contoso.example"),
    ],
)
def test_another_tenant_application_or_cloud_replaces_the_subscription_though_the_old_one_cannot_be_ended(
    desk: Desk, other: Profile
) -> None:
    desk.keep()
    desk.use(other)
    fail(desk.service, "remove", MailboxBlocked("not yours", kind="access_denied"))

    assert desk.due() == [SALES]
    assert desk.keep() == (Step.MAKE, None)

    assert (desk.row.id, desk.due(), desk.alerts.all()) == ("s2", [], [])
    assert desk.listed.pushed_until == desk.row.expires


@pytest.mark.parametrize("kind", ["access_denied", "graph_refused", "login_refused"])
def test_a_renewal_that_is_refused_leads_to_a_new_subscription(desk: Desk, kind: str) -> None:
    desk.keep()
    desk.clock.advance(2100 * 60)
    fail(desk.service, "renew", MailboxBlocked("no", kind=kind))

    assert desk.keep() == (Step.RENEW, None)

    assert (desk.row.id, desk.alerts.all()) == ("s2", [])
    assert desk.service.calls[-2:] == ["make", "remove"]
    assert desk.listed.pushed_until == desk.row.expires


def test_a_renewal_and_a_new_subscription_both_refused_are_told_and_the_old_one_relied_on_to_its_end(
    desk: Desk,
) -> None:
    desk.keep()
    end = desk.row.expires
    desk.clock.advance(2100 * 60)
    refusal = MailboxBlocked("no role", kind="access_denied", mend="give the role")
    fail(desk.service, "renew", refusal)
    fail(desk.service, "make", refusal)

    assert desk.keep() == (Step.RENEW, refusal)

    assert desk.listed.pushed_until == end
    assert [alert.mend for alert in desk.alerts.all()] == ["give the role"]


def test_push_switched_off_removes_the_subscription_and_nobody_relies_on_it(desk: Desk) -> None:
    desk.keep()
    desk.use(replace(ONLINE, push=False))

    assert desk.due() == [SALES]
    assert desk.keep() == (Step.REMOVE, None)

    assert desk.service.made == {}
    assert desk.listed.pushed_until is None
    assert desk.due() == []


OTHERS = (
    box_of(replace(ONLINE, name="by EWS", protocol="ews")),
    box_of(Profile(name="pop", direction=Direction.INCOMING, server="pop3")),
)


@pytest.mark.parametrize("now", [Configuration(organisation="contoso"), *OTHERS])
def test_a_mailbox_that_is_not_read_by_graph_any_more_loses_its_subscription_by_the_profile_of_then(
    desk: Desk, now: Configuration
) -> None:
    desk.keep()
    desk.publish(now)
    desk.publish(replace(now, version=9))

    assert desk.due() == [SALES]
    assert desk.keep() == (Step.REMOVE, None)

    assert (desk.service.made, desk.opened) == ({}, [ONLINE, ONLINE])
    assert desk.listed.pushed_until is None
    assert desk.due() == []
    assert desk.keep() == (Step.LEAVE, None)


def test_an_address_that_became_an_alias_keeps_no_subscription_of_its_own(desk: Desk) -> None:
    desk.keep()
    box = Mailbox(address="all@contoso.example", aliases=(SALES,), incoming=ONLINE.name)
    desk.publish(Configuration(organisation="contoso", profiles=(ONLINE,), mailboxes=(box,)))

    assert desk.due() == [box.key, SALES]
    desk.keep()

    assert desk.service.calls == ["make", "remove"]


def test_a_subscription_that_cannot_be_ended_is_told_nobody_and_tried_again_until_it_ran_out(desk: Desk) -> None:
    desk.keep()
    desk.publish(Configuration(organisation="contoso"))
    fail(desk.service, "remove", MailboxBlocked("sales: no such mailbox", kind="mailbox_unknown"), times=9)

    _, error = desk.keep()
    assert error is not None
    assert (desk.alerts.all(), desk.due()) == ([], [SALES])
    desk.clock.advance(4201 * 60)

    assert desk.keep() == (Step.REMOVE, None)
    assert desk.due() == []


def test_a_mailbox_of_which_no_version_tells_any_more_is_left(desk: Desk) -> None:
    desk.keep()
    desk.configuration = Configuration(organisation="contoso")

    assert desk.keep() == (Step.LEAVE, None)


def test_of_two_workers_at_once_the_slower_ends_what_it_made(desk: Desk) -> None:
    real = desk.service.make

    def overtaken(*given: object) -> object:
        granted = real(*given)  # type: ignore[arg-type]  # handed through
        desk.rows.save(Subscription(mailbox=SALES, id="theirs", version=0))
        return granted

    desk.service.make = overtaken  # type: ignore[method-assign,assignment]  # the other worker comes in between

    desk.keep()

    assert desk.row.id == "theirs"
    assert desk.service.made == {}


def test_a_refusal_is_told_a_person_tried_again_later_each_time_and_settled_when_it_passes(desk: Desk) -> None:
    refusal = MailboxBlocked("sales: no", kind="access_denied", mend="give the role")
    fail(desk.service, "make", refusal, times=2)

    assert desk.keep() == (Step.MAKE, refusal)
    (alert,) = desk.alerts.all()
    assert (alert.kind, alert.about, alert.mend) == ("push", SALES, "give the role")
    assert desk.due() == []
    desk.clock.advance(15 * 60)
    assert desk.due() == [SALES]
    desk.keep()
    desk.clock.advance(15 * 60)
    assert desk.due() == []
    desk.clock.advance(15 * 60)
    desk.keep()

    assert desk.row.id == "s1"
    assert desk.alerts.all() == []


@pytest.mark.parametrize("kind", ["login_refused", "secret_expired"])
@pytest.mark.parametrize("step", [Step.MAKE, Step.RENEW, Step.REMOVE])
def test_a_login_that_is_refused_is_tried_once_more_where_another_secret_is_there_by_now(
    desk: Desk, step: Step, kind: str
) -> None:
    if step is not Step.MAKE:
        desk.keep()
        desk.clock.advance(2100 * 60)
    if step is Step.REMOVE:
        desk.use(replace(ONLINE, push=False))
    for method in ("make", "renew", "remove"):
        fail(desk.service, method, MailboxBlocked("refused", kind=kind))
    desk.renewed.return_value = True

    assert desk.keep() == (step, None)

    assert (desk.renewed.call_count, desk.row.failures, desk.alerts.all()) == (1, 0, [])
    assert (len(desk.service.made), desk.row.id) == ((0, "") if step is Step.REMOVE else (1, "s1"))


@pytest.mark.parametrize(("kind", "asked"), [("login_refused", 1), ("access_denied", 0)])
def test_it_fails_where_the_secret_is_the_same_and_for_what_no_secret_mends(desk: Desk, kind: str, asked: int) -> None:
    fail(desk.service, "make", MailboxBlocked("refused", kind=kind))

    step, error = desk.keep()

    assert (step, error and error.kind, desk.renewed.call_count) == (Step.MAKE, kind, asked)
    assert (desk.row.failures, [one.kind for one in desk.alerts.all()]) == (1, ["push"])


def test_a_subscription_that_cannot_be_renewed_yet_is_relied_on_to_its_end_and_no_longer(desk: Desk) -> None:
    desk.keep()
    end = desk.row.expires
    desk.clock.advance(2100 * 60)
    fail(desk.service, "renew", TryLater("away", shared=True), times=9)

    desk.keep()

    assert desk.listed.pushed_until == end
    assert desk.alerts.all() == []
    desk.clock.advance(2101 * 60)
    assert interval(replace(desk.listed, last_mail=desk.now), desk.now) == 60


def test_a_removed_subscription_that_cannot_be_made_anew_is_not_relied_on(desk: Desk) -> None:
    desk.keep()
    fail(desk.service, "make", TryLater("away", shared=True))

    desk.keep(REMOVED, "s1")

    assert desk.listed.pushed_until is None
    assert desk.row.id == ""


def test_trouble_of_graph_that_lasts_is_told_a_person(desk: Desk) -> None:
    fail(desk.service, "make", TryLater("away", shared=True), times=4)

    told = []
    for _ in range(4):
        desk.keep()
        told.append(len(desk.alerts.all()))
        desk.clock.advance(12 * 3600)

    assert told == [0, 0, 0, 1]


def test_push_switched_off_settles_what_was_told_about_it(desk: Desk) -> None:
    fail(desk.service, "make", MailboxBlocked("no", kind="access_denied"))
    desk.keep()
    desk.use(replace(ONLINE, push=False))

    desk.keep()

    assert desk.alerts.all() == []


def test_when_the_answer_of_the_store_is_lost_the_mailbox_is_polled_as_ever(desk: Desk) -> None:
    fail_after(desk.rows, "save", TryLater("lost", shared=True))

    desk.keep()

    assert desk.row.id == "s1"
    assert desk.listed.pushed_until is None
    assert desk.due() == []


def test_a_tick_queues_so_many_at_most_those_that_lack_one_or_end_first_in_front() -> None:
    desk = Desk()
    boxes = tuple(Mailbox(address=f"box{number:05d}@contoso.example", incoming="online") for number in range(6000))
    configuration = Configuration(organisation="contoso", profiles=(ONLINE,), mailboxes=boxes)
    soon = Subscription(mailbox=boxes[-1].key, id="s", since=desk.now, expires=desk.now - timedelta(days=1), version=1)

    queued = list(due(configuration, {soon.mailbox: soon}, desk.stage, desk.now))

    assert len(queued) == MOST_AT_ONCE
    assert queued[0].mailbox == soon.mailbox


def test_a_wait_that_graph_asks_for_is_kept(desk: Desk) -> None:
    fail(desk.service, "make", TryLater("busy", after=7200, shared=True))

    desk.keep()

    assert desk.row.retry_at == desk.now + timedelta(seconds=7200)


def test_a_profile_that_cannot_be_opened_is_the_mailbox_s_trouble(desk: Desk) -> None:
    fail(desk.service, "make", ConfigurationError("no such cloud"))

    _, error = desk.keep()

    (alert,) = desk.alerts.all()
    assert error is not None
    assert error.kind == "configuration"
    assert "no such cloud" in alert.text


def scheduled(**more: object) -> ScheduledMailbox:
    now = FixedClock().now()
    given = {"last_mail": now, "minimum_interval": 60, "maximum_interval": 900, **more}
    return ScheduledMailbox(organisation="contoso", mailbox=SALES, **given)  # type: ignore[arg-type]  # fields by name


def test_while_notifications_come_the_poll_is_the_safety_net_only() -> None:
    now = FixedClock().now()
    mailbox = scheduled(pushed_until=now + timedelta(hours=1))

    polls = [minute for minute in range(60) if is_due(mailbox, now + timedelta(minutes=minute))]

    assert interval(mailbox, now) == 900
    assert len(polls) >= 4


def test_a_mailbox_whose_last_pass_failed_is_polled_as_ever_until_one_passes() -> None:
    now = FixedClock().now()

    assert interval(scheduled(pushed_until=now + timedelta(hours=1), failing=True), now) == 60


def test_without_a_living_subscription_the_schedule_is_as_ever() -> None:
    now = FixedClock().now()

    assert interval(scheduled(), now) == 60
    assert interval(scheduled(pushed_until=now), now) == 60
    assert interval(scheduled(pushed_until=now - timedelta(seconds=1)), now) == 60
