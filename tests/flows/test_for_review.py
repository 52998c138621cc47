"""Mail of a stranger that names a conversation, where strangers are marked: linked to nothing, and a person is told once."""

from __future__ import annotations

import pytest

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
    assert "<m2@fabrikam.example>" in alert.mend
    stored = [one for one in house.crm.activities.values() if one.message_id == "<m2@fabrikam.example>"]
    assert len(stored) == (accept is Accept.ALL)
    assert all("for review" in one.flags and one.correlated is None for one in stored)


def test_where_strangers_are_followed_nobody_is_told() -> None:
    house = House(FIRST, FORGED)

    house.route()

    assert list(house.alerts.all()) == []
