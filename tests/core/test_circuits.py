"""When trouble is shared by most that are reached the same way, and when it is one mailbox's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from email_router.core import circuits
from email_router.core.circuits import BEHIND, LAPSE, SAMPLE, WINDOW, Circuit, Member, name_of
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.mailbox_state import MailboxState
from email_router.core.settings import Configuration

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PLACE = "incoming pop3 mail.contoso.example:995"
PROFILE = Profile(name="in", direction=Direction.INCOMING, server="pop3", host="mail.contoso.example", port=995)


def everybody(count: int, profile: str = "in") -> list[Member]:
    return [Member(f"box{number}@contoso.example", profile) for number in range(count)]


def failing(boxes: Iterable[Member], ago: timedelta = timedelta()) -> Circuit:
    return Circuit(place=PLACE, failing={name_of(one.mailbox): NOW - ago for one in boxes}, failed=NOW - ago)


@pytest.mark.parametrize(
    ("count", "fail", "most"),
    [
        (1, 1, False),
        (2, 1, False),
        (2, 2, True),
        (3, 2, True),
        (4, 2, False),
        (4, 3, True),
        (5, 2, False),
        (5, 3, True),
    ],
)
def test_most_are_more_than_half_and_at_least_two(count: int, fail: int, *, most: bool) -> None:
    boxes = everybody(count)

    assert circuits.shared_by_most(failing(boxes[:fail]), boxes, PROFILE, NOW) is most


def test_most_of_a_profile_are_enough_where_its_host_has_others() -> None:
    boxes = everybody(2) + [Member(f"ann{number}@contoso.example", "others") for number in range(8)]

    assert circuits.shared_by_most(failing(boxes[:2]), boxes, PROFILE, NOW)
    assert not circuits.shared_by_most(failing(boxes[2:6]), boxes, replace(PROFILE, name="others"), NOW)


def test_what_failed_long_ago_does_not_count() -> None:
    boxes = everybody(3)

    assert circuits.shared_by_most(failing(boxes, WINDOW), boxes, PROFILE, NOW)
    assert not circuits.shared_by_most(failing(boxes, WINDOW + timedelta(seconds=1)), boxes, PROFILE, NOW)
    slow = replace(PROFILE, maximum_polling_interval=3600)
    assert circuits.shared_by_most(failing(boxes, timedelta(hours=2)), boxes, slow, NOW)


@pytest.mark.parametrize("count", [SAMPLE, 250, 1_000, 5_000])
def test_about_a_hundred_stand_for_however_many(count: int) -> None:
    boxes = everybody(count)
    chosen = [one for one in boxes if circuits.in_sample(one.mailbox, count)]

    assert SAMPLE / 2 <= len(chosen) <= SAMPLE * 1.3
    half = len(chosen) // 2
    assert circuits.shared_by_most(failing(chosen[: half + 1]), boxes, PROFILE, NOW)
    assert not circuits.shared_by_most(failing(chosen[:half]), boxes, PROFILE, NOW)


def test_an_open_circuit_lapses_when_nobody_fails_there_any_more() -> None:
    circuit = Circuit(place=PLACE, opened=NOW - timedelta(days=1), failed=NOW)

    assert circuit.is_open(NOW)
    assert circuit.is_open(NOW + LAPSE - timedelta(seconds=1))
    assert not circuit.is_open(NOW + LAPSE)
    assert not Circuit(place=PLACE, failed=NOW).is_open(NOW)


def test_alone_is_who_fails_where_nobody_else_does() -> None:
    one, other, _ = everybody(3)

    assert circuits.alone(failing([one]), one.mailbox, PROFILE, NOW)
    assert not circuits.alone(failing([one, other]), one.mailbox, PROFILE, NOW)
    assert circuits.alone(failing([other], timedelta(hours=3)), one.mailbox, PROFILE, NOW)


@pytest.mark.parametrize(
    ("closed", "failures", "last_pass", "own"),
    [
        (None, 1, -60, False),  # it has never been open: nobody has proved anything
        (-30, 0, -60, True),  # failed before another passed, and fails again
        (-30, 0, -10, False),  # failed for the first time since
        (-30, 1, -10, True),  # it was known as one on its own already
        (-4000, 1, -60, False),  # long ago
    ],
)
def test_who_goes_on_failing_after_others_have_passed_is_on_its_own(
    closed: int | None, failures: int, last_pass: int, *, own: bool
) -> None:
    circuit = Circuit(place=PLACE, closed=None if closed is None else NOW + timedelta(seconds=closed))
    state = MailboxState(
        mailbox="ann", failures=failures, last_pass=NOW + timedelta(seconds=last_pass), error_kind="login_refused"
    )

    assert circuits.on_its_own(circuit, "ann", state, NOW) is own
    assert not circuits.on_its_own(circuit, "ann", replace(state, error_kind=""), NOW)


def test_a_sender_is_on_its_own_by_what_the_circuit_knows() -> None:
    circuit = Circuit(
        place=PLACE, failing={name_of("ann"): NOW - timedelta(minutes=2)}, closed=NOW - timedelta(minutes=1)
    )

    assert circuits.on_its_own(circuit, "ann", None, NOW)
    assert not circuits.on_its_own(circuit, "bob", None, NOW)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({}, PLACE),
        ({"server": "exchange-online", "host": "", "port": 0, "tenant_id": "t-1"}, "incoming exchange-online t-1"),
        ({"direction": Direction.OUTGOING, "server": "ses", "host": "", "port": 0}, "outgoing ses"),
        ({"endpoint": "https://mail.contoso.example/EWS"}, "incoming pop3 https://mail.contoso.example/EWS"),
    ],
)
def test_a_place_is_a_host_or_a_providers_tenant_in_one_direction(changes: dict[str, object], place: str) -> None:
    assert circuits.place_of(replace(PROFILE, **changes)) == place  # type: ignore[arg-type]  # fields by name


def test_members_are_those_that_are_served_at_the_place() -> None:
    out = replace(PROFILE, name="in", direction=Direction.OUTGOING, server="smtp", port=465)
    elsewhere = replace(PROFILE, name="elsewhere", host="other.contoso.example")
    boxes = (
        Mailbox(address="Ann@contoso.example", incoming="in", outgoing="in"),
        Mailbox(address="bob@contoso.example", incoming="elsewhere"),
        Mailbox(address="new@contoso.example", incoming="in", approved=False),
        Mailbox(address="only-out@contoso.example", outgoing="in"),
    )
    configuration = Configuration(organisation="contoso", profiles=(PROFILE, out, elsewhere), mailboxes=boxes)

    def names(place: str) -> list[str]:
        return [one.mailbox for one in circuits.members(configuration, place)]

    assert names(PLACE) == ["ann@contoso.example"]
    assert names(circuits.place_of(out)) == ["ann@contoso.example", "only-out@contoso.example"]
    assert names(BEHIND) == ["ann@contoso.example", "bob@contoso.example"]
    assert list(circuits.places(configuration, "bob@contoso.example", Direction.INCOMING)) == [
        circuits.place_of(elsewhere),
        BEHIND,
    ]
    assert list(circuits.places(configuration, "nobody@contoso.example", Direction.INCOMING)) == []
