"""Let a CRM that decides by itself say which messages of a page it wants: asked at once for all that our own questions let pass."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeGuard

from email_router.core.acceptance import accepted
from email_router.core.case import Case, Screened, Verdict
from email_router.core.crm_rulings import DECIDES, DUPLICATE, Offer, Ruling, id_there
from email_router.core.ledger import Answer, Outcome

if TYPE_CHECKING:
    from email_router.core.flows.incoming import Draft
    from email_router.core.ports import DecidingCrm

_HAS_IT = "another mailbox had it, and it is in the CRM"


def decides(crm: object) -> TypeGuard[DecidingCrm]:
    """Tell whether the CRM decides by itself."""
    return hasattr(crm, "rule_on")


class Rulings:
    """The CRM's answers for one page, each asked once."""

    def __init__(self, crm: DecidingCrm) -> None:
        self._crm = crm
        self._known: dict[tuple[str, str], Ruling] = {}

    def ask(self, offered: Iterable[tuple[Draft, str]]) -> None:
        """Ask for these messages under their keys, in one go."""
        asked = {(key, draft.mailbox.key): _offer(draft, key) for draft, key in offered}
        if asked:
            self._known |= dict(zip(asked, self._crm.rule_on(list(asked.values())), strict=True))

    def of(self, case: Case, draft: Draft, key: str) -> Screened:
        """Return the answer for a message, asked now where it was not before; one that is an activity already is not asked about."""
        if case.claim is not None:
            return _screened(case, Verdict(Outcome.DELIVERED, DUPLICATE, _HAS_IT))
        if (key, draft.mailbox.key) not in self._known:
            self.ask([(draft, key)])
        return _screened(case, self._known[key, draft.mailbox.key].verdict)


def _offer(draft: Draft, key: str) -> Offer:
    message = draft.message
    return Offer(
        message_id=id_there(key, message.message_id),
        subject=message.subject,
        sender=message.author.address if message.author else (message.header("from") or "").strip(),
        mailbox=draft.mailbox.address,
    )


def _screened(case: Case, said: Verdict) -> Screened:
    """Return the answer as the question's; of a message of which only the header was read it says so."""
    verdict = accepted(case, said.reason, said.evidence) if said.outcome is Outcome.DELIVERED else said
    answer = Answer(DECIDES, verdict.outcome.value, f"{verdict.reason}: {verdict.evidence}")
    return Screened(verdict, DECIDES, (answer,))
