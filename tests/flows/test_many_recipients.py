"""An e-mail to more recipients than SES takes at once: each gets it once, and what is known of some says nothing of the others."""

from __future__ import annotations

from typing import Any

import pytest

from email_router.core.activity import EmailStatus, Party, Role
from email_router.core.ledger import Wanted
from email_router.core.octets import Octets
from email_router.core.recipients import told
from email_router.core.sending import RecipientResult, SendOutcome, SendResult
from tests.flows.house import SALES
from tests.flows.office import Office

MANY = tuple(f"r{number}@example.org" for number in range(60))
FIFTY, REST = MANY[:50], MANY[50:]
GOOD, LATER, LOST = SendOutcome.ACCEPTED, SendOutcome.DEFERRED, SendOutcome.UNKNOWN


def office(kind: str = "ses") -> Office:
    made = Office(server=kind)
    made.write(parties=(Party(Role.FROM, SALES, "Sales"), *(Party(Role.TO, address) for address in MANY)))
    return made


def parted(rest: SendOutcome) -> SendResult:
    """What SES says where it took the mail for fifty."""
    results = [RecipientResult(address, GOOD, "taken by Amazon SES") for address in FIFTY]
    results += [RecipientResult(address, rest, "the rest") for address in REST]
    ids: dict[str, Any] = {"provider_id": "ses-1", "further_ids": ("ses-2",)}
    return SendResult(outcome=GOOD, evidence="taken", recipients=tuple(results), after=60, uncounted=True, **ids)


def outcomes(at: Office) -> list[SendOutcome]:
    state = at.outgoing.get("e1")
    assert state
    return [one.outcome for one in told(state)]


def test_those_who_wait_get_it_later_and_every_id_leads_to_the_e_mail() -> None:
    at = office()
    at.sender.answers = [parted(LATER), SendResult(outcome=GOOD, evidence="taken", provider_id="ses-3")]
    at.send()
    state = at.outgoing.get("e1")
    assert state
    assert (state.status, state.attempts) == (EmailStatus.DEFERRED, 0)

    at.clock.advance(3600)
    at.send()

    assert [envelope.recipients for envelope, _ in at.sender.sent] == [MANY, REST]
    assert set(outcomes(at)) == {GOOD}
    ids = ("ses-1", "ses-2", "ses-3")
    assert {
        name: one.activity for name, one in at.ledger.find(Wanted(message_ids=ids)).message_ids.items()
    } == dict.fromkeys(ids, "e1")


@pytest.mark.parametrize(("kind", "rest"), [("ses", LOST), ("smtp", GOOD)])
def test_a_delivery_to_one_says_nothing_of_those_of_another_part(kind: str, rest: SendOutcome) -> None:
    at = office(kind)
    at.sender.answers = [SendResult(outcome=LOST, evidence="no answer")]
    at.send()

    at.report(activity="e1", kind="delivery", permanent=False, reason="", recipients=(MANY[0],))

    assert outcomes(at) == [GOOD, *[rest] * 59]


def test_a_delivery_that_comes_while_others_are_being_sent_to_makes_nobody_be_left_out() -> None:
    at = office()
    real = at.sender.send

    def send(envelope: Any, composed: Octets) -> SendResult:
        result = real(envelope, composed)
        at.report(activity="e1", kind="delivery", permanent=False, reason="", recipients=FIFTY[:3])
        return result

    at.sender.send = send  # type: ignore[method-assign]  # the fake of this test
    at.sender.answers = [parted(LATER)]
    at.send()
    at.sender.send = real  # type: ignore[method-assign]
    at.clock.advance(3600)
    at.sender.answers = [SendResult(outcome=GOOD, evidence="taken")]
    at.send()

    assert at.sender.sent[-1][0].recipients == REST
    assert set(outcomes(at)) == {GOOD}
    state = at.outgoing.get("e1")
    assert state
    assert state.status is EmailStatus.SENT
