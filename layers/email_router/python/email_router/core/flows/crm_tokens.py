"""Take the tracking tokens of new conversations from the CRM, so that they follow its own counter and settings."""

from __future__ import annotations

from collections.abc import Sequence
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
Asked = tuple["KnownEmail", str]


class NewTokens(Protocol):
    """Who gives the tokens of one order's new conversations."""

    def several(self, asked: Sequence[tuple[KnownEmail, str]]) -> Sequence[str | None]:
        """Reserve a token for each of these e-mails and their subjects, in order, that no live conversation has.

        None where there is none to be had, and the e-mail leaves without.
        """


def tokens_for(out: Outgoing, mailbox: Mailbox, most: int = 1) -> NewTokens:
    """Return who gives the tokens of an order of at most `most` e-mails, as the configuration says.

    Raises ConfigurationError when the CRM is to give them and has none to give.
    """
    if out.configuration.tracking.tokens_from != "crm":
        return TokenNumbers(out, mailbox, most)
    if not hasattr(out.crm, "new_tokens"):
        raise ConfigurationError('organisation.tracking: tokens_from: this CRM gives no tokens; expected "router"')
    return CrmTokens(out, cast("TokenGivingCrm", out.crm))


class CrmTokens:
    """The CRM's tokens for one order: as many as are wanted at a time, one for each subject."""

    def __init__(self, out: Outgoing, crm: TokenGivingCrm) -> None:
        self._out = out
        self._crm = crm

    def several(self, asked: Sequence[tuple[KnownEmail, str]]) -> Sequence[str | None]:
        """Reserve a token for each that no live conversation has.

        Without one an e-mail leaves when the CRM uses no tokens, and, a person being told, when 20 in a row stand for live conversations.
        """
        found: dict[str, str] = {}
        wanted = list(asked)
        for _ in range(_SKIPS):
            given = self._crm.new_tokens([subject for _, subject in wanted])
            tried = [
                (replace(known, token=token), subject) for (known, subject), token in zip(wanted, given, strict=True)
            ]
            wanted = self._reserve([one for one in tried if one[0].token], found)
            if not wanted:
                break
        if wanted:
            self._tell(
                "token_digits",
                f"the last {_SKIPS} tokens that the CRM gave stand for live conversations: an e-mail left without",
                "Give the CRM's tokens more digits (its settings of e-mail tracking).",
            )
        return [found.get(known.activity) for known, _ in asked]

    def _reserve(self, tried: Sequence[Asked], found: dict[str, str]) -> list[Asked]:
        """Add to `found` the tokens that are free, by their e-mails; return those whose token is not."""
        if not tried:
            return []
        free = self._out.ledger.reserve_tokens([known for known, _ in tried], tried[0][0].at - TOKEN_LIVES)
        for (known, _), is_free in zip(tried, free, strict=True):
            if is_free:
                found[known.activity] = str(known.token)
                self._check(str(known.token))
        return [one for one, is_free in zip(tried, free, strict=True) if not is_free]

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
