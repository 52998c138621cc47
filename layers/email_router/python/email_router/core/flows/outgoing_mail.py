"""Turn an e-mail activity into what is composed of it, and into the ways by which its answers find it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

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

_HELD = 1024 * 1024
"""Bytes of attachments that are held.  One that would make them more is read twice, to be composed and to be proven, piece by piece."""

_LARGEST = 250 * 1024 * 1024
"""Bytes of attachments beyond which no e-mail is composed: coded they would fill the function's scratch space (512 MB)."""


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
    """Return what is composed.  Attachments that are not held are read in their turn.

    That, or this, raises MessageRefused "attachment" when one is gone; this "attachment_size" when they are more than can be composed.
    """

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
        attachments=tuple(_attachments(out, email)),
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


def _attachments(out: Outgoing, email: EmailActivity) -> Iterator[Enclosed]:
    size = sum(one.size for one in email.attachments)
    if size > _LARGEST:
        text = f"e-mail {email.id}: attachments of {size} bytes, and an e-mail takes at most {_LARGEST}"
        raise MessageRefused(text, kind="attachment_size", mend="Send a link in their place.")
    held = 0
    for one in email.attachments:
        read = partial(_content, out, email, one)
        if held + one.size > _HELD:
            yield Kept(one.name, one.media_type, one.inline, one.content_id, read)
        else:
            held += one.size
            yield Attachment(one.name, one.media_type, b"".join(read()), one.inline, one.content_id)


def _content(out: Outgoing, email: EmailActivity, one: StoredAttachment) -> Iterator[bytes]:
    try:
        yield from out.blobs.stream(one.blob)
    except KeyError as gone:
        text = f"e-mail {email.id}: the content of one of its attachments is no longer kept"
        raise MessageRefused(text, kind="attachment", mend="Attach the file again.") from gone


def _address(party: Party) -> Address:
    return Address(party.name or (party.record.name if party.record else ""), party.address)
