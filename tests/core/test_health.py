"""What a failed pass leaves of a mailbox's standing, when a disabled one is tested again, and what a person reads."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from email_router.core.circuits import Circuit
from email_router.core.errors import MailboxBlocked, RouterError, TryLater
from email_router.core.health import Rules, after_failure, circuit_alert, disabled_alert, next_test
from email_router.core.mailbox_state import MailboxState

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANN = "ann@contoso.example"
RULES = Rules(failures=10, test=3600)
HOUR = timedelta(hours=1)
REFUSED = MailboxBlocked("the login was refused", kind="login_refused", mend="Set the password.")


def test_a_permanent_error_disables_at_once_and_a_transient_one_at_the_tenth() -> None:
    fresh = MailboxState(mailbox=ANN)

    assert after_failure(fresh, REFUSED, NOW, RULES, counts=True).disabled == NOW
    ninth = after_failure(MailboxState(mailbox=ANN, failures=8), TryLater("strange"), NOW, RULES, counts=True)
    tenth = after_failure(MailboxState(mailbox=ANN, failures=9), TryLater("strange"), NOW, RULES, counts=True)
    assert (ninth.failures, ninth.disabled, ninth.blocked_until) == (9, None, None)
    assert (tenth.failures, tenth.disabled) == (10, NOW)
    assert tenth.blocked_until is not None


@pytest.mark.parametrize("error", [REFUSED, TryLater("away", shared=True), RouterError("wrong", kind="configuration")])
def test_what_does_not_count_leaves_the_count_and_disables_nobody(error: RouterError) -> None:
    for failures in (0, 9, 10):
        state = MailboxState(mailbox=ANN, failures=failures)

        standing = after_failure(state, error, NOW, RULES, counts=False)

        assert (standing.failures, standing.disabled, standing.blocked_until) == (failures, None, None)


def test_a_disabled_mailbox_stays_so_since_when_it_was_and_waits_for_its_next_test() -> None:
    state = MailboxState(mailbox=ANN, failures=3, disabled=NOW - timedelta(days=2))

    for counts in (True, False):
        standing = after_failure(state, TryLater("away", after=5, shared=True), NOW, RULES, counts=counts)
        assert standing.disabled == state.disabled
        assert standing.blocked_until == next_test(ANN, NOW, 3600)


def test_the_wait_that_a_server_asks_for_is_kept() -> None:
    standing = after_failure(MailboxState(mailbox=ANN), TryLater("busy", after=90), NOW, RULES, counts=True)

    assert (standing.failures, standing.blocked_until) == (1, NOW + timedelta(seconds=90))


def test_the_tests_of_a_thousand_mailboxes_are_spread_over_twelve_minutes() -> None:
    at = [next_test(f"box{number}@contoso.example", NOW, 3600) - NOW for number in range(1000)]

    assert HOUR * 0.9 <= min(at) < max(at) <= HOUR * 1.1
    minutes = [int(one.total_seconds()) // 60 for one in at]
    assert max(minutes.count(minute) for minute in set(minutes)) < 150


def test_an_alert_says_who_what_and_what_to_do() -> None:
    alert = disabled_alert("Ann@contoso.example", REFUSED, NOW)

    assert (alert.kind, alert.about) == ("mailbox_disabled", ANN)
    assert alert.text.startswith("Ann@contoso.example: the login was refused; the mailbox is disabled")
    assert alert.mend.startswith("Set the password. It is tested hourly")


def test_a_circuit_that_opens_again_within_the_hour_is_told_quietly() -> None:
    place = "incoming pop3 mail.contoso.example"

    first = circuit_alert(Circuit(place=place), 40, REFUSED, NOW)
    again = circuit_alert(Circuit(place=place, closed=NOW - HOUR / 2), 40, REFUSED, NOW)
    later = circuit_alert(Circuit(place=place, closed=NOW - HOUR), 40, REFUSED, NOW)

    assert (first.quiet, again.quiet, later.quiet) == (False, True, False)
    assert first.id == again.id
    assert "most of its 40 mailboxes" in first.text
    assert "Set the password." in first.mend
