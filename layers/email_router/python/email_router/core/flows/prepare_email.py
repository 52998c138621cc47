"""Prepare outgoing e-mails once: token, Message-ID, composed bytes, and the rows by which their answers will be found.

Those of a group are prepared together: their threads are read, and their tokens reserved, by a few calls.  If the worker dies here, nothing
has left: the next one finds no state and prepares again, with the same Message-ID and perhaps another token.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from email_router.core import compose, wire
from email_router.core.activity import EmailActivity, EmailStatus, Role
from email_router.core.errors import MessageRefused
from email_router.core.flows import automatic_answer
from email_router.core.flows.continued_thread import Ancestors, Thread, ancestors, thread_of
from email_router.core.flows.crm_tokens import NewTokens
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.outgoing_mail import links_of, mail_of
from email_router.core.flows.ways_back import TOKEN_LIVES
from email_router.core.ledger import KnownEmail, Wanted
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.octets import Octets, pieces_of
from email_router.core.outgoing_states import Prepared
from email_router.core.packed import packed
from email_router.core.proof import prove
from email_router.core.sending import HistoryEntry, OutgoingState
from email_router.core.smart_hash import participants
from email_router.core.tracking_token import place_token

_MOST_ADDRESSES = 160_000
"""Characters of all recipients' addresses together: they stand twice in the row that tells what became of each, which takes 400 KB."""

_OWN_IDS = uuid.UUID("0b0c6a3c-53b1-5a43-8f55-5b6a0f3f6f11")


@dataclass(frozen=True, slots=True)
class Made:
    """A composed e-mail with its bytes, or why it cannot be sent as it is."""

    email: EmailActivity
    prepared: Prepared | None = None
    raw: Octets = field(default=b"", repr=False)
    refusal: MessageRefused | None = None


@dataclass(frozen=True, slots=True)
class _Begun:
    """An e-mail before it is composed: its thread, and how it is known, by a token where it has one."""

    email: EmailActivity
    thread: Thread
    known: KnownEmail
    refusal: MessageRefused | None = None


@dataclass(frozen=True, slots=True)
class Preparing:
    """Prepares the e-mails of one order.  `request` is the id of the invocation, kept with the transition."""

    out: Outgoing
    mailbox: Mailbox
    profile: Profile
    tokens: NewTokens
    request: str = ""

    def made(self, emails: Sequence[EmailActivity]) -> Iterator[Made]:
        """Yield each e-mail composed, none before it is asked for; bytes that are large are stored by then, states are not written.

        One cannot be sent as it is without a recipient, with an address that is none or an attachment that is gone, or when it is
        automatic and answers an automatic one.
        """
        known = ancestors(self.out, emails)
        for begun in self._with_tokens([self._begun(email, known) for email in emails]):
            yield Made(begun.email, refusal=begun.refusal) if begun.refusal else self._made(begun)

    def _begun(self, email: EmailActivity, known: Ancestors) -> _Begun:
        now = self.out.clock.now()
        thread = thread_of(self.out, email, known)
        found = KnownEmail(activity=email.id, participants=participants(email.addresses()), at=now)
        try:
            self._check(email)
            automatic_answer.refuse(email, thread.parent)
        except MessageRefused as refusal:
            return _Begun(email, thread, found, refusal)
        quick = automatic_answer.quick_of(self.out, thread.parent, now)
        return _Begun(email, thread, replace(found, quick=quick))

    def _check(self, email: EmailActivity) -> None:
        recipients = _recipients(email)
        if not recipients:
            text = f"e-mail {email.id} of {self.mailbox.address} has no recipient address"
            raise MessageRefused(
                text, kind="no_recipient", mend="Give it at least one recipient with an e-mail address."
            )
        if (size := sum(map(len, recipients))) > _MOST_ADDRESSES:
            text = f"e-mail {email.id} of {self.mailbox.address} has {len(recipients)} recipients, whose addresses take {size} characters"
            raise MessageRefused(text, kind="too_many_recipients", mend="Send it to fewer at a time.")
        fit = wire.international_address if self.profile.server == "smtp" else wire.mail_address
        for one in (self.mailbox.address, *recipients):
            fit(one)  # Bcc too, which no header field proves

    def _with_tokens(self, begun: Sequence[_Begun]) -> list[_Begun]:
        """Give each its token: the thread's, the one that the CRM has given the e-mail itself, or one that no live conversation has."""
        if not self.out.configuration.tracking.tokens:
            return list(begun)
        found = [one if one.refusal else replace(one, known=replace(one.known, token=self._own(one))) for one in begun]
        new = [one for one in found if not one.refusal and one.known.token is None]
        given = self.tokens.several([(one.known, one.email.subject) for one in new]) if new else ()
        tokens = {one.email.id: token for one, token in zip(new, given, strict=True)}
        return [
            replace(one, known=replace(one.known, token=tokens[one.email.id])) if one.email.id in tokens else one
            for one in found
        ]

    def _own(self, begun: _Begun) -> str | None:
        thread, email = begun.thread, begun.email
        if thread.token and _still_ours(self.out, thread.token, thread.parent, begun.known):
            return thread.token
        if self.out.configuration.tracking.tokens_from == "crm" and email.tracking_token:
            return email.tracking_token
        return None

    def _made(self, begun: _Begun) -> Made:
        try:
            return self._composed(begun)
        except MessageRefused as refusal:
            return Made(begun.email, refusal=refusal)

    def _composed(self, begun: _Begun) -> Made:
        out, email, now = self.out, begun.email, self.out.clock.now()
        message_id = own_message_id(out.configuration.organisation, email.id, self.mailbox.address)
        longest = out.configuration.tracking.maximum_subject_length
        subject, placed = place_token(email.subject, begun.known.token or "", longest)
        token = begun.known.token if placed else None
        mail = mail_of(out, email, self.mailbox, self.profile, begun.thread, subject, message_id, now)
        raw = out.keep(compose.pieces(mail))
        prove(mail, raw)
        blob, small = f"outgoing/{email.id}/{_digest(raw)}", packed(raw)
        if not small:
            out.blobs.put(blob, raw)
        state = OutgoingState(
            activity=email.id,
            status=EmailStatus.PENDING,
            sender=self.mailbox.key,
            kind=self.profile.server,
            blob=blob,
            beside=bool(small),
            message_id=message_id,
            subject=subject,
            tracking_token=token,
            recipients=_recipients(email),
            changed=now,
            delivery_receipt=email.delivery_receipt,
            history=(HistoryEntry(now, EmailStatus.PENDING, "composed", self.request),),
        )
        links = links_of(out, email, begun.known, token, subject, message_id, begun.thread)
        return Made(email, Prepared(state=state, packed=small, links=links), raw)


def own_message_id(organisation: str, activity: str, sender: str) -> str:
    """Return the Message-ID of an e-mail: the same at every attempt, in the sender's domain (RFC 5322 3.6.4)."""
    domain = wire.international_address(sender).rpartition("@")[2]
    return f"<{uuid.uuid5(_OWN_IDS, f'{organisation}/{activity}')}@{domain}>"


def _digest(raw: Octets) -> str:
    found = hashlib.sha256()
    for piece in pieces_of(raw):
        found.update(piece)
    return found.hexdigest()


def _recipients(email: EmailActivity) -> tuple[str, ...]:
    return tuple(dict.fromkeys(email.addresses(Role.TO, Role.CC, Role.BCC)))


def _still_ours(out: Outgoing, token: str, parent: EmailActivity | None, known: KnownEmail) -> bool:
    """Tell whether the thread's token is still the thread's: it rests no longer than a token lives, or nobody took it since."""
    last = (parent.received or parent.date or parent.created) if parent else None
    if last is not None and last >= known.at - TOKEN_LIVES:
        return True
    if out.ledger.reserve_token(token, replace(known, token=token), known.at - TOKEN_LIVES):
        return True
    holder = out.ledger.find(Wanted(tokens=(token,))).tokens.get(token)
    return holder is not None and parent is not None and holder.activity == parent.id
