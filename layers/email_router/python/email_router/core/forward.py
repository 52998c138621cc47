"""Take a mail out of the wrapper in which an inbox rule forwarded it."""

from __future__ import annotations

from collections.abc import Callable

from email_router.core import headers
from email_router.core.authentication_results import proof
from email_router.core.fetched import Wrapper
from email_router.core.limits import Defects, Limits
from email_router.core.mailbox import Profile
from email_router.core.message import Message

_NESTED = frozenset({"message/rfc822", "message/global"})
_EXCHANGE = frozenset({"exchange", "exchange-online"})
# Set by Exchange on what it took from its own users; its header firewall removes it from what comes from outside.
_INSIDE = "x-ms-exchange-organization-authas"


def unwrap(raw: bytes, parse: Callable[[bytes], Message], profile: Profile) -> tuple[bytes | None, Wrapper]:
    """Return the bytes of the mail that is attached to this one, and what is known of the wrapper.

    None when it has not exactly one message/rfc822 part: a rule forwards one mail, and with two nobody knows which
    is meant.  The wrapper is authenticated when the profile's own mail server proved its From (see
    `authenticated`).  Never raises.
    """
    message = parse(raw)
    attached = [one.content for one in message.attachments if one.media_type in _NESTED and one.content.strip()]
    sure, evidence = authenticated(message, raw, profile)
    sender = message.author.address if message.author else ""
    if len(attached) != 1:
        return None, Wrapper(sender, sure, f"{len(attached)} attached messages instead of one; {evidence}", found=False)
    return attached[0], Wrapper(sender, sure, evidence)


def authenticated(message: Message, raw: bytes, profile: Profile) -> tuple[bool, str]:
    """Tell whether the mail's From is proven by the profile's own mail server, and in words what was seen.

    Proof is the topmost Authentication-Results of the profile's `authserv_id`, or Exchange's mark for mail from
    inside.  The fields are read as they stand: an encoded word that spells a server's name is not that server's.
    """
    if message.author is None:
        return False, "From names not exactly one mailbox that can be read"
    head = headers.split(raw, 0, len(raw), Limits(), Defects())
    if profile.server in _EXCHANGE:
        marks = head.all(_INSIDE)
        if marks and all(mark.strip().casefold() == "internal" for mark in marks):
            return True, "Exchange marked it as sent from inside (AuthAs: Internal)"
    domain = message.author.address.rpartition("@")[2]
    return proof(head.all("authentication-results"), profile.authserv_id, domain)
