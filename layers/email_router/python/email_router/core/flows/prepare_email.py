"""Prepare an outgoing e-mail once: token, Message-ID, composed bytes, and the rows by which its answer will be found.

If the worker dies here, nothing has left: the next one finds no state and prepares again, with the same Message-ID and perhaps another token.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import replace
from datetime import datetime

from email_router.core import compose, wire
from email_router.core.activity import EmailActivity, EmailStatus, Party, Role, StoredAttachment
from email_router.core.conversation_index import encode, thread_hash
from email_router.core.errors import MessageRefused
from email_router.core.flows.continued_thread import Thread, thread_of
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.ways_back import TOKEN_LIVES
from email_router.core.ledger import KnownEmail, Link, LinkKind, Wanted
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.message import Address, Attachment, Importance
from email_router.core.sending import OutgoingState
from email_router.core.smart_hash import participants, subject_hash
from email_router.core.tracking_token import make_token, place_token

_SKIPS = 20
_OWN_IDS = uuid.UUID("0b0c6a3c-53b1-5a43-8f55-5b6a0f3f6f11")


def prepare(out: Outgoing, email: EmailActivity, mailbox: Mailbox, profile: Profile) -> OutgoingState:
    """Compose the e-mail, store its bytes and write its state; return the state that stands (an earlier one, if there is).

    Raises MessageRefused when it cannot be sent as it is: no recipient, an address that is none, an attachment that is gone.
    """
    now = out.clock.now()
    recipients = tuple(dict.fromkeys(email.addresses(Role.TO, Role.CC, Role.BCC)))
    if not recipients:
        text = f"e-mail {email.id} of {mailbox.address} has no recipient address"
        raise MessageRefused(text, kind="no_recipient", mend="Give it at least one recipient with an e-mail address.")
    for one in recipients:
        wire.mail_address(one)  # Bcc too, which no header field proves
    message_id = own_message_id(out.configuration.organisation, email.id, mailbox.address)
    thread = thread_of(out, email)
    known = KnownEmail(activity=email.id, participants=participants(email.addresses()), at=now)
    token = _token(out, mailbox, thread, known)
    subject, placed = place_token(email.subject, token or "", out.configuration.tracking.maximum_subject_length)
    token = token if placed else None
    raw = compose.compose(_mail(out, email, mailbox, profile, thread, subject, message_id, now))
    blob = f"outgoing/{email.id}/{hashlib.sha256(raw).hexdigest()}"
    out.blobs.put(blob, raw)
    out.ledger.link(_links(out, email, known, token, subject, message_id, thread))
    state = OutgoingState(
        activity=email.id,
        status=EmailStatus.PENDING,
        sender=mailbox.key,
        kind=profile.server,
        blob=blob,
        message_id=message_id,
        subject=subject,
        tracking_token=token,
        recipients=recipients,
        changed=now,
    )
    return out.outgoing.prepare(state)


def own_message_id(organisation: str, activity: str, sender: str) -> str:
    """Return the Message-ID of an e-mail: the same at every attempt, in the sender's domain (RFC 5322 3.6.4)."""
    return f"<{uuid.uuid5(_OWN_IDS, f'{organisation}/{activity}')}@{sender.rpartition('@')[2]}>"


def _token(out: Outgoing, mailbox: Mailbox, thread: Thread, known: KnownEmail) -> str | None:
    """The thread's token, or one that no live conversation has: numbers of the queue's owner, or of the user."""
    tracking = out.configuration.tracking
    if not tracking.tokens:
        return None
    if thread.token and _still_ours(out, thread.token, thread.parent, known):
        return thread.token
    user = (mailbox.owner or mailbox.address).casefold()
    number = out.ledger.user_number(user)
    for skip in range(_SKIPS + 1):
        count = out.ledger.next_counts(user, 1) + 1
        # After so many live conversations in a row the counter has run round too early: one digit more, as long as that lasts.
        digits = tracking.counter_digits + (1 if skip == _SKIPS else 0)
        token = make_token(replace(tracking, counter_digits=digits), number, count)
        if out.ledger.reserve_token(token, replace(known, token=token), known.at - TOKEN_LIVES):
            return token
    return None


def _still_ours(out: Outgoing, token: str, parent: EmailActivity | None, known: KnownEmail) -> bool:
    """Tell whether the thread's token is still the thread's: it rests no longer than a token lives, or nobody took it since."""
    last = (parent.received or parent.date or parent.created) if parent else None
    if last is not None and last >= known.at - TOKEN_LIVES:
        return True
    if out.ledger.reserve_token(token, replace(known, token=token), known.at - TOKEN_LIVES):
        return True
    holder = out.ledger.find(Wanted(tokens=(token,))).tokens.get(token)
    return holder is not None and parent is not None and holder.activity == parent.id


def _links(
    out: Outgoing,
    email: EmailActivity,
    known: KnownEmail,
    token: str | None,
    subject: str,
    message_id: str,
    thread: Thread,
) -> list[Link]:
    tracking = out.configuration.tracking
    known = replace(known, token=token)
    links = [Link(LinkKind.MESSAGE_ID, message_id, known)]
    if token:
        links.append(Link(LinkKind.TOKEN, token, known))
    if tracking.correlation and (hashed := thread_hash(thread.index)):
        links.append(Link(LinkKind.THREAD, hashed, known))
    if tracking.smart_matching:
        hashes = {subject_hash(text, tracking) for text in (email.subject, subject)}
        links += [Link(LinkKind.SUBJECT, one, known) for one in sorted(filter(None, hashes))]
    return links


def _mail(
    out: Outgoing,
    email: EmailActivity,
    mailbox: Mailbox,
    profile: Profile,
    thread: Thread,
    subject: str,
    message_id: str,
    now: datetime,
) -> compose.Outgoing:
    def people(role: Role) -> tuple[Address, ...]:
        return tuple(_address(party) for party in email.parties if party.role is role)

    author = next((_address(party) for party in email.parties if party.role is Role.FROM), Address("", mailbox.address))
    # SES puts an id of its own in place of ours; in References ours survives, so that every answer still names it.
    references = (*thread.references, message_id) if profile.server == "ses" else thread.references
    return compose.Outgoing(
        sender=Address(author.name or mailbox.name, mailbox.address),
        to=people(Role.TO),
        cc=people(Role.CC),
        subject=subject,
        date=now,
        message_id=message_id,
        in_reply_to=thread.in_reply_to,
        references=references,
        text=email.text,
        html=email.html,
        attachments=tuple(_attachment(out, email, one) for one in email.attachments),
        importance=Importance(email.importance) if email.importance in set(Importance) else Importance.NORMAL,
        headers=(
            ("Thread-Index", encode(thread.index)),
            compose.loop_mark(out.configuration.organisation, email.id),
        ),
    )


def _attachment(out: Outgoing, email: EmailActivity, one: StoredAttachment) -> Attachment:
    try:
        content = out.blobs.get(one.blob)
    except KeyError as gone:
        text = f"e-mail {email.id}: the content of one of its attachments is no longer kept"
        raise MessageRefused(text, kind="attachment", mend="Attach the file again.") from gone
    return Attachment(one.name, one.media_type, content, one.inline, one.content_id)


def _address(party: Party) -> Address:
    return Address(party.name or (party.record.name if party.record else ""), party.address)
