"""Know which e-mails of this router a page's messages are, repeat or report about: one read for the page, and only where there may be any."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from email_router.core.case import Own
from email_router.core.flows.incoming import Draft, Incoming
from email_router.core.flows.lookup import PageLookup
from email_router.core.ledger import KnownEmail
from email_router.core.lookup_ids import answered_ids, id_forms, lookup_ids, own_ids, reported_ids
from email_router.core.message import Message
from email_router.core.own_mail import ACCESS_TEST, activity_in, marked_activity
from email_router.core.reported import reported_tokens
from email_router.core.sending import OutgoingState


@dataclass(frozen=True, slots=True)
class Sent:
    """What a message has to do with the e-mails that the router sent; the fields are those of a case (core/case.py)."""

    own: Own | None = None
    quoted: str = ""
    reported: KnownEmail | None = None
    reported_by: str = ""


@dataclass(frozen=True, slots=True)
class _Clue:
    """An e-mail that a report may be about: how it was found, and whether it takes a failed recipient of its own to believe it.

    `nobody` tells that a report which names no recipient at all is believed.
    """

    email: KnownEmail
    how: str = ""
    doubtful: bool = False
    nobody: bool = True


@dataclass(frozen=True, slots=True)
class SentMail:
    """Reads for one organisation.  At most four e-mails are asked for on account of one message."""

    incoming: Incoming

    def of(self, drafts: Sequence[Draft], lookup: PageLookup) -> list[Sent]:
        """Return for each draft what it has to do with e-mails of ours; `lookup` is what the ledger knew before the page."""
        clues = [self._clues(one.message, lookup) for one in drafts]
        copies = [_own_by_id(one, lookup) for one in drafts]
        marks = [self._mark(one.message) for one in drafts]
        asked = dict.fromkeys(one.email.activity for several in clues for one in several)
        asked |= dict.fromkeys(filter(None, (*copies, *marks)))
        sent = self.incoming.outgoing.several(tuple(asked)) if asked else {}
        named = zip(drafts, clues, copies, marks, strict=True)
        return [self._sent(draft, lookup, sent, about, (copy, mark)) for draft, about, copy, mark in named]

    def _sent(
        self,
        draft: Draft,
        lookup: PageLookup,
        sent: Mapping[str, OutgoingState],
        clues: Sequence[_Clue],
        names: tuple[str, str],
    ) -> Sent:
        if self._is_access_test(draft, names[1]):
            return Sent(own=Own(names[1], draft.mailbox.address))
        copy, mark = (sent.get(one) for one in names)
        reported, how = _believed(clues, draft.message, sent)
        repeats = mark is not None and copy is None and self._repeats(draft.message, mark.activity, lookup)
        own = copy or (None if repeats else mark)
        return Sent(
            own=Own(own.activity, own.sender) if own else None,
            quoted=mark.activity if mark and repeats else "",
            reported=reported,
            reported_by=how,
        )

    def _mark(self, message: Message) -> str:
        """The activity of the message's own mark; a report may bear the fields of the mail that it is about."""
        return "" if message.delivery_report else marked_activity(message, self.incoming.configuration.organisation)

    def _is_access_test(self, draft: Draft, mark: str) -> bool:
        """Tell whether it is the mail that tested this mailbox; whoever borrows its mark and address makes only his own vanish."""
        author = draft.message.author if mark.startswith(ACCESS_TEST) else None
        return author is not None and self.incoming.configuration.mailbox(author.address) == draft.mailbox

    def _repeats(self, message: Message, activity: str, lookup: PageLookup) -> bool:
        """Tell whether somebody else repeats our mark: a machine outside the organisation, or whoever answers that very e-mail."""
        if message.auto_submitted and not self._inside(message):
            return True
        answered = (lookup.by_message_id(form) for one in answered_ids(message) for form in id_forms(one))
        return any(one is not None and one.activity == activity for one in answered)

    def _inside(self, message: Message) -> bool:
        return message.author is not None and self.incoming.configuration.internal(message.author.address)

    def _clues(self, message: Message, lookup: PageLookup) -> list[_Clue]:
        """What a report may be about, surest first: by the original's id, its mark, what the report answers, and a token of the subjects."""
        report, configuration = message.delivery_report, self.incoming.configuration
        if report is None:
            return []
        by_id = _first(lookup.by_message_id(one) for one in reported_ids(message))
        marked = activity_in(report.original_mark, configuration.organisation)
        by_mark = KnownEmail(activity=marked, at=self.incoming.clock.now()) if marked else None
        answered = _first(lookup.by_message_id(one) for one in lookup_ids(message))
        tokens = reported_tokens(message, configuration.tracking)
        token = next((one for one in tokens if lookup.by_token(one)), "")
        clues = (
            _Clue(by_id) if by_id else None,
            _Clue(by_mark, "by the mark in the returned mail") if by_mark else None,
            _Clue(answered, "by its In-Reply-To or References", doubtful=True) if answered else None,
            _Clue(by_token, f"by the token {token}", doubtful=True, nobody=False)
            if (by_token := lookup.by_token(token))
            else None,
        )
        return [one for one in clues if one]


def _believed(
    clues: Sequence[_Clue], message: Message, states: Mapping[str, OutgoingState]
) -> tuple[KnownEmail | None, str]:
    """Return the e-mail that a report is about and how that is known; without one, in words what speaks for an e-mail in vain."""
    ours = [one for one in clues if one.email.activity in states]
    for clue in ours:
        if _holds(clue, message, states[clue.email.activity]):
            return clue.email, clue.how
    return None, f"activity {ours[0].email.activity}, {ours[0].how}, did not go to whom it names" if ours else ""


def _holds(clue: _Clue, message: Message, state: OutgoingState) -> bool:
    """Tell whether the report is about this e-mail of ours: where the clue alone proves too little, if that went to whom the report names."""
    recipients = message.delivery_report.recipients if message.delivery_report else ()
    named = {address.casefold() for one in recipients for address in (one.address, one.original) if address}
    if not clue.doubtful or not named:
        return not clue.doubtful or clue.nobody
    return any(one.casefold() in named for one in state.recipients)


def _own_by_id(draft: Draft, lookup: PageLookup) -> str:
    """Return the activity that the message's own id leads to, unless another mailbox brought that e-mail in."""
    own, claim = _first(lookup.by_message_id(one) for one in own_ids(draft.message)), lookup.claim(draft.key.key)
    if own is None or draft.message.delivery_report is not None or (claim and claim.activity == own.activity):
        return ""
    return own.activity


def _first(found: Iterable[KnownEmail | None]) -> KnownEmail | None:
    return next((one for one in found if one), None)
