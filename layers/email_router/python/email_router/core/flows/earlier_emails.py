"""Let answers find e-mails that the CRM had before the router came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

from email_router.core.activity import EmailActivity, Role
from email_router.core.flows.ways_back import subject_links
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.lookup_ids import stored_forms
from email_router.core.ports import Ledger
from email_router.core.settings import Tracking
from email_router.core.smart_hash import participants
from email_router.core.topic import thread_keys, topic
from email_router.core.tracking_token import find_tokens

_READ = (Role.FROM, Role.TO, Role.CC, Role.BCC)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def make_known(ledger: Ledger, emails: Iterable[EmailActivity], tracking: Tracking, now: datetime) -> int:
    """Write the ways back to these e-mails; return how many of them have any.

    Repeatable, and in any order: what the router knows of newer e-mails stands, and so does the first e-mail of a Message-ID.  An e-mail
    that is made known is no claim: its message, should it still come, is judged as any other.
    """
    ways = [links_of(one, tracking, now) for one in emails]
    ledger.link([link for links in ways for link in links])
    return sum(1 for links in ways if links)


def links_of(email: EmailActivity, tracking: Tracking, now: datetime) -> tuple[Link, ...]:
    """Return the ways back to an e-mail of the CRM: its Message-ID, token, conversation index and the words of its subject.

    A token whose prefix is neither the current nor an earlier one leads nowhere: nobody would look for it.
    """
    people = tuple(address for role in _READ for address in email.addresses(role))
    token = next(iter(find_tokens(email.tracking_token or "", tracking)), None)
    known = KnownEmail(
        activity=email.id,
        participants=participants(people),
        at=min(email.date or email.created or _LONG_AGO, now),
        token=token,
        topic=topic(email.subject, tracking),
    )
    links = [Link(LinkKind.MESSAGE_ID, one, known) for one in stored_forms(email.message_id)]
    if token:
        links.append(Link(LinkKind.TOKEN, token, known))
    if tracking.correlation and email.conversation_index:
        index = bytes.fromhex(email.conversation_index)
        links += [Link(LinkKind.THREAD, one, known) for one in thread_keys(index, email.subject, tracking)]
    compared = replace(known, participants=participants(people, tracking.hash_max_count))
    return (*links, *subject_links(compared, (email.subject,), tracking)) if links else ()
