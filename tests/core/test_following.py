"""What the CRM says of its settings is judged before it is followed, and what was known stays where it says nothing fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.followed import Followed, FollowedMailbox, MailboxReading, Reading, applied, as_published
from email_router.core.following import FOLLOWABLE, due, judged
from email_router.core.mailbox import Accept, Mailbox
from email_router.core.settings import Configuration, Follows, Tracking

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ANN = "ann@contoso.example"


def configuration(*boxes: Mailbox, tracking: Tracking | None = None) -> Configuration:
    keys = tuple(box.key for box in boxes)
    follows = Follows(tracking=tuple(sorted(FOLLOWABLE)), accept=keys, approved=keys)
    return Configuration(organisation="contoso", mailboxes=boxes, tracking=tracking or Tracking(), follows=follows)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("base", -1),
        ("base", 2_147_483_648),
        ("user_digits", 0),
        ("user_digits", 11),
        ("user_digits", True),
        ("user_digits", "3"),
        ("counter_digits", 10),
        ("maximum_subject_length", 19),
        ("maximum_subject_length", "many"),
        ("hash_max_count", 1001),
        ("hash_delta_subject_count", 3),
        ("hash_min_address_count", -1),
        ("hash_filter_keywords", "(a"),
        ("hash_filter_keywords", "x" * 251),
        ("smart_matching", 1),
        ("internal_email", "maybe"),
    ],
)
def test_a_value_that_is_not_fit_is_told_and_the_one_before_stays(name: str, value: object) -> None:
    before = judged(configuration(), Reading(tracking={"user_digits": 5}), None, NOW)

    found = judged(configuration(), Reading(tracking={name: value}), before, NOW)

    assert found.tracking == {"user_digits": 5}
    (problem,) = found.problems
    assert problem.startswith(f"{name} is ")
    assert "expected" in problem or name == "hash_filter_keywords"


@pytest.mark.parametrize("prefix", ["P" * 21, "A\tB"])
def test_a_prefix_that_is_not_fit_is_told_and_the_ones_behind_it_are_found(prefix: str) -> None:
    found = judged(configuration(), Reading(prefixes=(prefix, "OLD:")), None, NOW)

    assert found.problems
    assert applied(configuration(), found).tracking.prefix == "CRM:"
    assert applied(configuration(), found).tracking.earlier_prefixes == ("OLD:",)


def test_of_many_prefixes_the_newest_ten_are_found() -> None:
    known: Followed | None = None
    for number in range(15):
        known = judged(configuration(), Reading(prefixes=(f"P{number}:",)), known, NOW)

    tracking = as_published(configuration(), known).tracking
    assert tracking.prefix == "P14:"
    assert tracking.earlier_prefixes == tuple(f"P{number}:" for number in range(13, 3, -1))


def test_a_prefix_that_comes_back_is_no_earlier_one_and_the_one_between_is() -> None:
    known: Followed | None = None
    for prefix in ("A:", "B:", "A:"):
        known = judged(configuration(), Reading(prefixes=(prefix,)), known, NOW)

    tracking = as_published(configuration(), known).tracking
    assert (tracking.prefix, tracking.earlier_prefixes) == ("A:", ("B:",))


def test_a_prefix_that_was_written_by_the_published_version_is_found_on() -> None:
    published = configuration(tracking=Tracking(prefix="OURS:", earlier_prefixes=("OLD:",)))
    known = judged(published, Reading(prefixes=("NEW:",)), None, NOW)

    tracking = applied(published, known).tracking
    assert (tracking.prefix, tracking.earlier_prefixes) == ("NEW:", ("OLD:", "OURS:"))


@pytest.mark.parametrize("option", [-1, 5])
def test_an_accept_option_that_is_none_is_told(option: int) -> None:
    box = Mailbox(address=ANN, accept=Accept.CONTACTS)

    found = judged(configuration(box), Reading(mailboxes={ANN: MailboxReading(accept=option)}), None, NOW)

    assert applied(configuration(box), found).mailboxes == (box,)
    assert f"accept option is {option}" in found.problems[0]


def test_a_mailbox_is_found_by_its_alias_where_its_address_is_not_there() -> None:
    box = Mailbox(address="Ann@Contoso.Example", aliases=("A.Lee@contoso.example",))
    reading = Reading(mailboxes={"a.lee@contoso.example": MailboxReading(accept=0, approved=False)})

    (now,) = applied(configuration(box), judged(configuration(box), reading, None, NOW)).mailboxes

    assert (now.accept, now.approved) == (Accept.ALL, False)


def test_thousands_of_missing_mailboxes_are_told_of_twenty_and_a_number() -> None:
    boxes = [Mailbox(address=f"box{number}@contoso.example") for number in range(3000)]

    found = judged(configuration(*boxes), Reading(), None, NOW)

    assert (len(found.problems), len(found.mailboxes)) == (21, 3000)
    assert found.problems[-1].startswith("2980 more mailboxes")


def test_what_is_known_holds_only_for_what_is_followed() -> None:
    box = Mailbox(address=ANN)
    known = Followed(
        at=NOW,
        tracking={"prefix": "NEW:", "base": 7},
        mailboxes=(FollowedMailbox(key=ANN, accept=Accept.NONE, approved=False),),
    )
    only = Follows(tracking=("base",), accept=(ANN,))

    now = applied(Configuration(organisation="contoso", mailboxes=(box,), follows=only), known)

    assert now.tracking == Tracking(base=7)
    assert (now.mailboxes[0].accept, now.mailboxes[0].approved) == (Accept.NONE, True)


def test_it_is_time_after_half_the_period_or_for_a_mailbox_that_is_new() -> None:
    first, second = Mailbox(address=ANN), Mailbox(address="new@contoso.example")
    known = judged(configuration(first), Reading(), None, NOW)

    assert due(configuration(first), None, NOW, 300)
    assert not due(configuration(first), known, NOW + timedelta(seconds=149), 300)
    assert due(configuration(first), known, NOW + timedelta(seconds=150), 300)
    assert due(configuration(first, second), known, NOW, 300)
