"""Mail of a stranger that names a conversation, where strangers are marked: linked to nothing, and a person is told once."""

from __future__ import annotations

import pytest

from email_router.core.alerts import Alert
from email_router.core.mailbox import Accept
from email_router.core.settings import Tracking
from tests.flows.house import House, mail

FIRST = mail(1)
FORGED = mail(2, sender="mallory@evil.example", extra="In-Reply-To: <m1@fabrikam.example>\r\n")


@pytest.mark.parametrize("accept", [Accept.ALL, Accept.REPLIES])
def test_a_person_is_told_once_whether_the_mail_became_an_activity_or_not(accept: Accept) -> None:
    house = House(FIRST)
    house.configure(tracking=Tracking(unknown_sender="mark"))
    house.route()
    house.configure(accept=accept)
    house.source.put(FORGED)

    house.route()
    house.source.put(FORGED)
    house.route()

    (alert,) = house.alerts.all()
    assert alert.kind == "for_review"
    assert "in_reply_to" in alert.text
    (activity,) = [one.id for one in house.crm.activities.values() if one.message_id == "<m2@fabrikam.example>"] or [""]
    became = f"it became activity {activity}" if activity else "it was not tracked (no_correlation_match)"
    assert alert.text.endswith(f"; {became}")
    assert "<m2@fabrikam.example>" in alert.mend
    stored = [one for one in house.crm.activities.values() if one.message_id == "<m2@fabrikam.example>"]
    assert len(stored) == (accept is Accept.ALL)
    assert all("for review" in one.flags and one.correlated is None for one in stored)


def test_where_strangers_are_followed_nobody_is_told() -> None:
    house = House(FIRST, FORGED)

    house.route()

    assert list(house.alerts.all()) == []


def forged(number: int, sender: str = "mallory@evil.example") -> bytes:
    return mail(number, sender=sender, extra="In-Reply-To: <m1@fabrikam.example>\r\n")


def test_many_mails_of_one_stranger_are_one_alert_that_names_them() -> None:
    house = House(FIRST)
    house.configure(tracking=Tracking(unknown_sender="mark"))
    house.route()
    house.configure(accept=Accept.REPLIES)
    for number in range(2, 32):
        house.source.put(forged(number))
    house.source.put(forged(90, "Mallory@EVIL.example"))
    house.source.put(forged(91, "other@evil.example"))

    house.route()

    counted = {one.about: one.messages for one in house.alerts.all()}
    names = (*range(2, 32), 90)
    assert counted == {
        "mallory@evil.example": tuple(sorted(f"<m{number}@fabrikam.example>" for number in names)),
        "other@evil.example": ("<m91@fabrikam.example>",),
    }


def test_a_page_writes_each_alert_once() -> None:
    house = House(FIRST)
    house.configure(tracking=Tracking(unknown_sender="mark"))
    house.route()
    for number in range(2, 12):
        house.source.put(forged(number))
    raised: list[Alert] = []
    house.alerts.raise_alert = raised.append  # type: ignore[method-assign, assignment]  # counted

    house.route()

    (alert,) = raised
    assert len(alert.messages) == 10


def test_a_sender_that_cannot_be_read_is_one_of_them() -> None:
    house = House(FIRST)
    house.configure(tracking=Tracking(unknown_sender="mark"))
    house.route()
    house.source.put(forged(2, "a@evil.example, b@evil.example"))

    house.route()

    (alert,) = house.alerts.all()
    assert alert.about == "a sender who cannot be read"
