"""Turn an e-mail activity into what is composed of it, and into the ways by which its answers find it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from email_router.core import compose, wire
from email_router.core.activity import EmailActivity, Party, Role, StoredAttachment
from email_router.core.conversation_index import encode
from email_router.core.enclosed import Enclosed, Kept
from email_router.core.errors import MessageRefused
from email_router.core.flows import automatic_answer
from email_router.core.flows.continued_thread import Thread
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.ways_back import subject_links
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.mailbox import Mailbox, Profile
from email_router.core.message import Address, Attachment, Importance
from email_router.core.smart_hash import participants
from email_router.core.topic import thread_keys, topic

_LARGE = 1024 * 1024
"""An attachment of so many bytes is read twice, to be composed and to be proven, and held for neither longer."""


def links_of(
    out: Outgoing,
    email: EmailActivity,
    known: KnownEmail,
    token: str | None,
    subject: str,
    message_id: str,
    thread: Thread,
) -> tuple[Link, ...]:
    """Return the ways back to an e-mail: its Message-ID, its token, its conversation index, the words of its subject."""
    tracking = out.configuration.tracking
    known = replace(known, token=token, topic=topic(subject, tracking))
    links = [Link(LinkKind.MESSAGE_ID, message_id, known)]
    if token:
        links.append(Link(LinkKind.TOKEN, token, known))
    if tracking.correlation:
        links += [Link(LinkKind.THREAD, one, known) for one in thread_keys(thread.index, subject, tracking)]
    people = (*email.addresses(Role.FROM), *email.addresses())  # the sender is compared, wherever the CRM names him
    compared = replace(known, participants=participants(people, tracking.hash_max_count))
    return (*links, *subject_links(compared, (email.subject, subject), tracking))


def mail_of(
    out: Outgoing,
    email: EmailActivity,
    mailbox: Mailbox,
    profile: Profile,
    thread: Thread,
    subject: str,
    message_id: str,
    now: datetime,
) -> compose.Outgoing:
    """Return what is composed.  Large attachments are read in their turn; that, or this, raises MessageRefused when one is gone."""

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


def _attachment(out: Outgoing, email: EmailActivity, one: StoredAttachment) -> Enclosed:
    """Return what is attached; a large one is read when its turn comes, so that no two of them are held at once."""

    def read() -> bytes:
        try:
            return out.blobs.get(one.blob)
        except KeyError as gone:
            text = f"e-mail {email.id}: the content of one of its attachments is no longer kept"
            raise MessageRefused(text, kind="attachment", mend="Attach the file again.") from gone

    if one.size >= _LARGE:
        return Kept(one.name, one.media_type, one.inline, one.content_id, read)
    return Attachment(one.name, one.media_type, read(), one.inline, one.content_id)


def _address(party: Party) -> Address:
    return Address(party.name or (party.record.name if party.record else ""), party.address)
