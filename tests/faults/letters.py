"""The scenarios of the outgoing road."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import cast

from email_router.core.activity import EmailActivity, EmailStatus, Party, Role, StoredAttachment
from email_router.core.errors import ConfigurationError, RouterError
from email_router.core.flows.by_hand import ByHand, CancellingCrm
from email_router.core.ledger import KnownEmail
from email_router.core.mailbox import Direction
from email_router.core.sending import RecipientResult, SendOutcome, SendResult
from email_router.core.settings import Tracking
from tests.faults.postroom import CountingDrafts, Postroom, Scene
from tests.faults.seam import Killed
from tests.flows.house import NOW, SALES
from tests.flows.office import Office
from tests.memory.deciding import Giving
from tests.memory.sender import Lost

_SES = SendResult(outcome=SendOutcome.ACCEPTED, evidence="ok", provider_id="ses-1")
_LATER = SendResult(outcome=SendOutcome.DEFERRED, evidence="451 later")
_REFUSED = SendResult(outcome=SendOutcome.REFUSED, evidence="550 no such user")
_PARTLY = SendResult(
    outcome=SendOutcome.ACCEPTED,
    evidence="250 ok",
    recipients=(RecipientResult("boss@contoso.example", SendOutcome.DEFERRED, "451 greylisted"),),
    after=300,
)
_PARTLY_REFUSED = replace(
    _PARTLY, recipients=(RecipientResult("boss@contoso.example", SendOutcome.REFUSED, "550 no such user"),), after=0
)
_PARTLY_UNKNOWN = replace(_PARTLY, outcome=SendOutcome.UNKNOWN, evidence="the line broke after the final dot")
_UNKNOWN = SendResult(outcome=SendOutcome.UNKNOWN, evidence="the line broke after the final dot")


def _one(*answers: SendResult, server: str = "smtp", **fields: object) -> Postroom:
    office = Postroom(server)
    office.write(**fields)  # type: ignore[arg-type]  # fields by name
    office.sender.answers = list(answers)
    return office


def _told_of(event: dict[str, object], answer: SendResult) -> Postroom:
    office = _one(answer, server="ses")
    office.tells = dict(event)
    return office


def _drafted(*losing: Lost) -> Postroom:
    """An e-mail by a sender that drafts, whose first sends have no answer."""
    office = Postroom("exchange-online")
    office.write()
    assert isinstance(office.counting, CountingDrafts)
    office.counting.losing = list(losing)
    return office


def _drafted_and_refused() -> Postroom:
    """An e-mail whose draft the provider takes and does not send."""
    office = _drafted()
    assert isinstance(office.counting, CountingDrafts)
    office.counting.refusing = _REFUSED
    return office


def _answer() -> Postroom:
    office = _one(correlated="p1", subject="Re: Question CRM:0009009")
    office.crm.activities["p1"] = EmailActivity(
        id="p1",
        direction=Direction.INCOMING,
        status=EmailStatus.RECEIVED,
        message_id="<q2@fabrikam.example>",
        tracking_token="CRM:0009009",
        received=NOW,
    )
    return office


def _late_answer() -> Postroom:
    """An answer to an e-mail that has rested for a year; its token is another conversation's by now."""
    office = _answer()
    office.crm.activities["p1"] = replace(office.crm.activities["p1"], received=NOW - timedelta(days=365))
    taken = KnownEmail(activity="other", at=NOW, token="CRM:0009009")
    office.ledger.reserve_token("CRM:0009009", taken, NOW - timedelta(days=90))
    return office


def _came_round() -> Postroom:
    """A user's counter has one digit, and every token of it stands for a live conversation."""
    office = Postroom(tracking=Tracking(counter_digits=1))
    office.write()
    for count in range(10):
        token = f"CRM:0001{count}"
        office.ledger.reserve_token(token, KnownEmail(activity=f"other{count}", at=NOW, token=token), NOW)
    return office


def _three() -> Postroom:
    office = _one()
    office.write("e2", parties=(Party(Role.FROM, SALES), Party(Role.TO, "no address")))
    office.write("e3")
    return office


def _attached() -> Postroom:
    attachment = StoredAttachment("a.csv", "text/csv", 3, "0", inline=False, content_id=None, blob="attachment/0")
    office = _one(attachments=(attachment,))
    office.blobs.put("attachment/0", b"a,b")
    return office


def _large() -> Postroom:
    """An e-mail whose bytes are too many to lie beside its state."""
    return _one(text=Random(1).randbytes(9_000).hex())


def _cancelled() -> Postroom:
    office = _one(_LATER)
    office.send()
    office.write("e2")
    office.clock.advance(400)
    return office


def _two_of_a_user() -> Postroom:
    office = _one()
    office.write("e2", subject="Another matter")
    return office


def due_again(office: Postroom) -> None:
    """The next collection finds what was put off."""
    office.clock.advance(400)
    office.collect()


def cancel(office: Postroom) -> None:
    """Somebody cancels the first e-mail."""
    office.crm.cancel("e1")


def _by_hand(office: Postroom, act: Callable[[ByHand, str], object]) -> None:
    """A person gives a command, and again when it ended in an error."""
    for _ in range(3):
        road = office.road()
        hand = ByHand(
            clock=office.clock,
            crm=cast("CancellingCrm", road.crm),
            outgoing=road.outgoing,
            alerts=road.alerts,
            who="by hand",
        )
        with suppress(Killed, RouterError, ConfigurationError):
            act(hand, "e1")
        if office.seam is not None:
            office.seam.dead = False


def retry(office: Postroom) -> None:
    """A person sends again what failed."""
    _by_hand(office, ByHand.retry)


def settle_as_sent(office: Postroom) -> None:
    """A person has found that it left."""
    _by_hand(office, ByHand.sent)


def cancel_by_hand(office: Postroom) -> None:
    """A person cancels what waits."""
    _by_hand(office, ByHand.cancel)


_SENT = (Office.collect, Postroom.carry_out_all)
_BOUNCES: dict[str, object] = {"activity": "e1"}
_ARRIVES: dict[str, object] = {"activity": "e1", "kind": "delivery", "permanent": False}


def _tokens_of_the_crm() -> Postroom:
    """Two new conversations that bear tokens which the CRM gives."""
    office = Postroom(tracking=Tracking(tokens_from="crm"))
    office.crm.__class__ = Giving
    office.write()
    office.write("e2")
    return office


LETTERS = (
    Scene("an e-mail", _one),
    Scene("an answer", _answer),
    Scene("an answer after a year", _late_answer),
    Scene("an e-mail of a user whose tokens are all in use", _came_round, same=False),
    Scene("an e-mail with an attachment", _attached),
    Scene("a large e-mail", _large),
    Scene("an e-mail that is put off, then sent", lambda: _one(_LATER), (*_SENT, due_again, Postroom.carry_out_all)),
    Scene("an e-mail that is refused for good", lambda: _one(_REFUSED)),
    Scene(
        "an e-mail that one recipient gets later than the other",
        lambda: _one(_PARTLY),
        (*_SENT, due_again, Postroom.carry_out_all),
    ),
    Scene("an e-mail that one of its recipients never gets", lambda: _one(_PARTLY_REFUSED)),
    Scene(
        "an e-mail whose end nobody knows, but for one who gets it later",
        lambda: _one(_PARTLY_UNKNOWN),
        (*_SENT, due_again, Postroom.carry_out_all),
    ),
    Scene("an e-mail whose end nobody knows", lambda: _one(_UNKNOWN)),
    Scene("an e-mail by SES", lambda: _one(_SES, server="ses")),
    Scene("an e-mail by SES that bounces", lambda: _told_of(_BOUNCES, _SES), (*_SENT, Postroom.take_in_events)),
    Scene(
        "an e-mail by SES whose delivery settles it",
        lambda: _told_of(_ARRIVES, _UNKNOWN),
        (*_SENT, Postroom.take_in_events),
    ),
    Scene("an e-mail that is drafted first", _drafted),
    Scene("one that left without an answer", lambda: _drafted(Lost.LEFT), (*_SENT, due_again, Postroom.carry_out_all)),
    Scene(
        "one that stayed a draft without an answer",
        lambda: _drafted(Lost.STAYED, Lost.LEFT),
        (*_SENT, due_again, Postroom.carry_out_all),
    ),
    Scene("one that is drafted and refused for good", _drafted_and_refused),
    Scene(
        "an e-mail that failed and that a person sends again",
        lambda: _one(_REFUSED),
        (*_SENT, retry, Office.collect, Postroom.carry_out_all),
        same=False,
    ),
    Scene(
        "an e-mail whose end nobody knows until a person tells",
        lambda: _one(_UNKNOWN),
        (*_SENT, settle_as_sent),
        same=False,
    ),
    Scene(
        "an e-mail that a person cancels after it was put off",
        lambda: _one(_LATER),
        (*_SENT, cancel_by_hand, due_again, Postroom.carry_out_all),
        same=False,
    ),
    Scene("three e-mails, one without an address", _three),
    Scene("two new conversations of one user", _two_of_a_user),
    Scene("two new conversations whose tokens the CRM gives", _tokens_of_the_crm),
    Scene(
        "an e-mail cancelled while its order waits",
        _cancelled,
        (Office.collect, cancel, Postroom.carry_out_all),
        same=False,
    ),
)
