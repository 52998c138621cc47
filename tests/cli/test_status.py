"""How `email-router status` says by what the router learns of a mailbox's news."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from email_router.cli import status
from email_router.core.circuits import Circuit, place_of
from email_router.core.mailbox import Direction, Mailbox, Profile
from email_router.core.mailbox_state import MailboxState
from email_router.core.settings import Configuration
from email_router.core.subscriptions import Subscription
from tests.fakes import FixedClock

SALES = "sales@contoso.example"
ONLINE = Profile(name="in", direction=Direction.INCOMING, server="exchange-online", protocol="graph")
NOW = FixedClock().now()
UNTIL = NOW + timedelta(hours=70)


def told(profile: Profile, *, until: bool = True, error: str = "") -> dict[str, object]:
    configuration = Configuration(
        organisation="contoso", profiles=(profile,), mailboxes=(Mailbox(address=SALES, incoming="in"),)
    )
    state = MailboxState(mailbox=SALES, last_mail=NOW, error_kind=error)
    row = Subscription(mailbox=SALES, id="s1", expires=UNTIL) if until else None
    return status.how_told(configuration, state, row)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> FixedClock:
    monkeypatch.setattr(status, "CLOCK", FixedClock())
    return FixedClock()


def shown(how: dict[str, object]) -> str:
    named = dict.fromkeys(("address", "digest", "status", "last_pass", "last_mail", "error"))
    return str(status._row({**named, "told": how})[5])


def test_a_mailbox_with_a_living_subscription_is_pushed_and_its_poll_is_the_safety_net() -> None:
    how = told(ONLINE)

    assert how == {"push_until": UNTIL.strftime("%Y-%m-%dT%H:%M:%SZ"), "polled_every": 900}
    assert shown(how) == f"push until {how['push_until']}, polled every 900 s"


def test_without_a_subscription_a_mailbox_is_polled() -> None:
    how = told(ONLINE, until=False)

    assert how == {"push_until": None, "polled_every": 60}
    assert shown(how) == "polled every 60 s"


def test_a_mailbox_in_error_is_polled_as_ever_though_it_is_pushed() -> None:
    assert told(ONLINE, error="throttled")["polled_every"] == 60


@pytest.mark.parametrize("changes", [{"push": False}, {"protocol": "ews"}, {"server": "pop3"}, {"server": "imap"}])
def test_a_row_that_is_left_of_a_subscription_says_nothing(changes: dict[str, object]) -> None:
    assert told(replace(ONLINE, **changes)) == {"push_until": None, "polled_every": 60}  # type: ignore[arg-type]  # fields by name


def test_a_subscription_that_ran_out_is_no_push(monkeypatch: pytest.MonkeyPatch) -> None:
    late = FixedClock()
    late.advance(71 * 3600)
    monkeypatch.setattr(status, "CLOCK", late)

    assert told(ONLINE)["push_until"] is None


def test_a_disabled_mailbox_says_since_when() -> None:
    state = MailboxState(mailbox=SALES, last_pass=NOW, disabled=NOW, failures=10, error_kind="login_refused")

    told = status.mailbox_status(Mailbox(address=SALES, incoming="in"), state)

    assert (told["status"], told["disabled_since"]) == ("error", NOW.strftime("%Y-%m-%dT%H:%M:%SZ"))
    row = status._row({**told, "told": {"push_until": None, "polled_every": 60}})
    assert row[2] == f"disabled since {told['disabled_since']}"


@pytest.mark.parametrize(("minutes", "opened", "words"), [(9, True, "open: one"), (10, False, "lapsed: all")])
def test_a_circuit_says_what_it_keeps_back_and_why(minutes: int, opened: bool, words: str) -> None:
    profile = replace(ONLINE, server="imap", protocol="", host="mail.contoso.example")
    boxes = (Mailbox(address=SALES, incoming="in"), Mailbox(address="ann@contoso.example", incoming="in"))
    configuration = Configuration(organisation="contoso", profiles=(profile,), mailboxes=boxes)
    failed = NOW - timedelta(minutes=minutes)
    circuit = Circuit(place=place_of(profile), opened=failed, failed=failed, kind="x", text="refused.", mend="Mend it.")

    told = status.circuit_status(configuration, circuit)

    assert (told["open"], told["mailboxes"]) == (opened, 2)
    row = status._circuit_row(told)
    assert (row[0], row[-1]) == ("incoming imap mail.contoso.example", "refused. Mend it.")
    assert str(row[1]).startswith(words)
