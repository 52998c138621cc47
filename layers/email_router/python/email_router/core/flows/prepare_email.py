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
from email_router.core.conversation_index import encode
from email_router.core.errors import MessageRefused
from email_router.core.flows import automatic_answer
from email_router.core.flows.continued_thread import Thread, thread_of
from email_router.core.flows.crm_tokens import NewTokens, tokens_for
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.ways_back import TOKEN_LIVES, subject_links
from email_router.core.ledger import KnownEmail, Link, LinkKind, Wanted
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.message import Address, Attachment, Importance
from email_router.core.proof import prove
from email_router.core.sending import HistoryEntry, OutgoingState
from email_router.core.smart_hash import participants
from email_router.core.topic import thread_keys, topic
from email_router.core.tracking_token import place_token

_OWN_IDS = uuid.UUID("0b0c6a3c-53b1-5a43-8f55-5b6a0f3f6f11")


def prepare(
    out: Outgoing,
    email: EmailActivity,
    mailbox: Mailbox,
    profile: Profile,
    tokens: NewTokens | None = None,
    request: str = "",
    kept: dict[str, bytes] | None = None,
) -> OutgoingState:
    """Compose the e-mail, store its bytes and write its state; return the state that stands (an earlier one, if there is).

    `kept` is given the bytes by the name under which they are stored, for whoever needs them next.
    Raises MessageRefused when it cannot be sent as it is: no recipient, an address that is none, an attachment that is gone,
    an automatic e-mail that answers an automatic one.
    """
    now = out.clock.now()
    recipients = tuple(dict.fromkeys(email.addresses(Role.TO, Role.CC, Role.BCC)))
    if not recipients:
        text = f"e-mail {email.id} of {mailbox.address} has no recipient address"
        raise MessageRefused(text, kind="no_recipient", mend="Give it at least one recipient with an e-mail address.")
    fit = wire.international_address if profile.server == "smtp" else wire.mail_address
    for one in (mailbox.address, *recipients):
        fit(one)  # Bcc too, which no header field proves
    message_id = own_message_id(out.configuration.organisation, email.id, mailbox.address)
    thread = thread_of(out, email)
    automatic_answer.refuse(email, thread.parent)
    quick = automatic_answer.quick_of(out, thread.parent, now)
    known = KnownEmail(activity=email.id, participants=participants(email.addresses()), at=now, quick=quick)
    token = _token(out, tokens or tokens_for(out, mailbox), email, thread, known)
    subject, placed = place_token(email.subject, token or "", out.configuration.tracking.maximum_subject_length)
    token = token if placed else None
    mail = _mail(out, email, mailbox, profile, thread, subject, message_id, now)
    raw = compose.compose(mail)
    prove(mail, raw)
    blob = f"outgoing/{email.id}/{hashlib.sha256(raw).hexdigest()}"
    out.blobs.put(blob, raw)
    if kept is not None:
        kept[blob] = raw
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
        delivery_receipt=email.delivery_receipt,
        history=(HistoryEntry(now, EmailStatus.PENDING, "composed", request),),
    )
    return out.outgoing.prepare(state)


def own_message_id(organisation: str, activity: str, sender: str) -> str:
    """Return the Message-ID of an e-mail: the same at every attempt, in the sender's domain (RFC 5322 3.6.4)."""
    domain = wire.international_address(sender).rpartition("@")[2]
    return f"<{uuid.uuid5(_OWN_IDS, f'{organisation}/{activity}')}@{domain}>"


def _token(out: Outgoing, tokens: NewTokens, email: EmailActivity, thread: Thread, known: KnownEmail) -> str | None:
    """The thread's token, the one that the CRM has given the e-mail itself, or one that no live conversation has."""
    tracking = out.configuration.tracking
    if not tracking.tokens:
        return None
    if thread.token and _still_ours(out, thread.token, thread.parent, known):
        return thread.token
    if tracking.tokens_from == "crm" and email.tracking_token:
        return email.tracking_token
    return tokens.new(known, email.subject)


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
    known = replace(known, token=token, topic=topic(subject, tracking))
    links = [Link(LinkKind.MESSAGE_ID, message_id, known)]
    if token:
        links.append(Link(LinkKind.TOKEN, token, known))
    if tracking.correlation:
        links += [Link(LinkKind.THREAD, one, known) for one in thread_keys(thread.index, subject, tracking)]
    people = (*email.addresses(Role.FROM), *email.addresses())  # the sender is compared, wherever the CRM names him
    compared = replace(known, participants=participants(people, tracking.hash_max_count))
    return [*links, *subject_links(compared, (email.subject, subject), tracking)]


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
            *automatic_answer.marks(email, answers=thread.in_reply_to is not None),
            *_asks_to_be_told(email, mailbox),
        ),
    )


def _asks_to_be_told(email: EmailActivity, mailbox: Mailbox) -> list[tuple[str, str]]:
    """Return the field that asks for a read receipt (RFC 8098 2.1); it goes to the sender, whom the envelope names, too.

    A sender with letters outside ASCII before the @ asks for none: the field is read by clients that know no such address.
    """
    address = wire.international_address(mailbox.address)
    return [("Disposition-Notification-To", address)] if email.read_receipt and address.isascii() else []


def _attachment(out: Outgoing, email: EmailActivity, one: StoredAttachment) -> Attachment:
    try:
        content = out.blobs.get(one.blob)
    except KeyError as gone:
        text = f"e-mail {email.id}: the content of one of its attachments is no longer kept"
        raise MessageRefused(text, kind="attachment", mend="Attach the file again.") from gone
    return Attachment(one.name, one.media_type, content, one.inline, one.content_id)


def _address(party: Party) -> Address:
    return Address(party.name or (party.record.name if party.record else ""), party.address)
