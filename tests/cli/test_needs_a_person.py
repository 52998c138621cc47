"""Everything that needs a person stands in one list, and leaves it with its cause."""

from __future__ import annotations

from dataclasses import replace

from email_router.cli.alerts import in_words, shape
from email_router.cli.needs_a_person import needs_a_person
from email_router.core.alerts import MOST_MESSAGES, Alert
from email_router.core.errors import MailboxBlocked
from tests.fakes import MemoryAlerts
from tests.flows.house import NOW, SALES, House, mail


def listed(house: House, alerts: MemoryAlerts) -> list[tuple[str, str]]:
    found = needs_a_person(alerts, house.quarantine, house.states, house.configuration)
    return [(alert.kind, alert.about) for alert in found]


def test_alerts_messages_set_aside_and_mailboxes_in_error_stand_in_one_list() -> None:
    house, alerts = House(b"\x00\x00"), MemoryAlerts()
    alerts.raise_alert(Alert(kind="token_digits", about="ann", text="grown", mend="none", at=NOW))
    house.route()
    entries = house.quarantine.entries()

    assert set(listed(house, alerts)) == {("token_digits", "ann"), *(("quarantined", one.id) for one in entries)}
    assert entries


def test_a_mailbox_in_error_stands_there_until_its_next_good_pass() -> None:
    house, alerts = House(mail(1)), MemoryAlerts()
    opened = house._open

    def refuse(*_: object) -> None:
        raise MailboxBlocked("sales: the password is refused", kind="login", mend="Set it anew.")

    house._open = refuse  # type: ignore[method-assign, assignment]  # the server says no
    house.route()
    assert listed(house, alerts) == [("mailbox", SALES)]

    house._open = opened  # type: ignore[method-assign]  # and yes again
    house.route(reason="requested")
    assert listed(house, alerts) == []


def test_an_alert_counts_its_messages_and_names_them_in_json() -> None:
    one = Alert(kind="for_review", about="x@y.example", text="told", mend="none", at=NOW, messages=("<a@x>",))
    two, many = replace(one, messages=("<a@x>", "<b@x>")), replace(one, messages=("<a@x>",) * MOST_MESSAGES)

    assert in_words(replace(one, messages=())) == in_words(one) == "told"
    assert in_words(two) == "told [the first of 2 messages of x@y.example]"
    assert in_words(many) == f"told [the first of {MOST_MESSAGES} or more messages of x@y.example]"
    assert shape(two)["messages"] == ["<a@x>", "<b@x>"]
