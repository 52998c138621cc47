"""Take the tracking tokens of new conversations from the CRM, by the block, so that they follow its own counter and settings."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from email_router.core.alerts import Alert
from email_router.core.errors import ConfigurationError
from email_router.core.flows.token_numbers import TokenNumbers
from email_router.core.flows.ways_back import TOKEN_LIVES
from email_router.core.tracking_token import find_tokens

if TYPE_CHECKING:
    from email_router.core.flows.outgoing import Outgoing
    from email_router.core.ledger import KnownEmail
    from email_router.core.mailbox import Mailbox
    from email_router.core.ports import TokenGivingCrm

_SKIPS = 20


class NewTokens(Protocol):
    """Who gives the tokens of one order's new conversations."""

    def new(self, known: KnownEmail, subject: str) -> str | None:
        """Reserve a token that no live conversation has; None where there is none to be had, and the e-mail leaves without."""


def tokens_for(out: Outgoing, mailbox: Mailbox, most: int = 1) -> NewTokens:
    """Return who gives the tokens of an order of at most `most` e-mails, as the configuration says.

    Raises ConfigurationError when the CRM is to give them and has none to give.
    """
    if out.configuration.tracking.tokens_from != "crm":
        return TokenNumbers(out, mailbox, most)
    if not hasattr(out.crm, "new_tokens"):
        raise ConfigurationError('organisation.tracking: tokens_from: this CRM gives no tokens; expected "router"')
    return CrmTokens(out, cast("TokenGivingCrm", out.crm), most)


class CrmTokens:
    """The CRM's tokens for one order.

    As TokenNumbers does, it asks for one first, then for as many as before, never for more than are left; those taken ahead have no subject
    to go by.  If the worker dies, the rest of its block is unused.
    """

    def __init__(self, out: Outgoing, crm: TokenGivingCrm, most: int = 1) -> None:
        self._out = out
        self._crm = crm
        self._left = most
        self._taken = 0
        self._given: deque[str] = deque()

    def new(self, known: KnownEmail, subject: str) -> str | None:
        """Reserve a token that no live conversation has.

        Without one the e-mail leaves when the CRM uses no tokens, and, a person being told, when 20 in a row stand for live conversations.
        """
        self._left -= 1
        for token in self._tokens(subject):
            if not token:
                return None
            if self._out.ledger.reserve_token(token, replace(known, token=token), known.at - TOKEN_LIVES):
                self._check(token)
                return token
        self._tell(
            "token_digits",
            f"the last {_SKIPS} tokens that the CRM gave stand for live conversations: an e-mail left without",
            "Give the CRM's tokens more digits (its settings of e-mail tracking).",
        )
        return None

    def _tokens(self, subject: str) -> Iterator[str]:
        for _ in range(_SKIPS):
            if not self._given:
                ahead = max(0, min(self._taken, self._left + 1) - 1)
                self._given.extend(self._crm.new_tokens([subject, *[""] * ahead]))
                self._taken += ahead + 1
            yield self._given.popleft()

    def _check(self, token: str) -> None:
        """Tell when the CRM's tokens are none that would be found in an answer's subject."""
        if token not in find_tokens(token, self._out.configuration.tracking):
            begun = token.rstrip("0123456789")
            unknown = "which is neither prefix nor one of earlier_prefixes: answers are not found by them"
            mend = f"Set prefix = {begun!r} in [organisation.tracking] and publish."
            self._tell("token_prefix", f"the CRM gives tokens that begin with {begun!r}, {unknown}", mend)

    def _tell(self, kind: str, what: str, mend: str) -> None:
        about = self._out.configuration.organisation
        alert = Alert(kind=kind, about=about, text=f"{about}: {what}", mend=mend, at=self._out.clock.now())
        self._out.alerts.raise_alert(alert)
