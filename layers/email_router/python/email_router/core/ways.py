"""Tell by what the messages of a page may lead to known e-mails: all that the ledger is asked for, and how much at most."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from email_router.core.dedupe import normalised_id
from email_router.core.ledger import LinkKind, Wanted
from email_router.core.lookup_ids import answered_ids, id_forms, lookup_ids, own_ids, reported_ids
from email_router.core.message import Message
from email_router.core.reported import reported_tokens
from email_router.core.settings import Tracking
from email_router.core.topic import thread_keys
from email_router.core.tracking_token import find_tokens

Way = tuple[LinkKind, str]


def ways(message: Message, tracking: Tracking) -> tuple[Way, ...]:
    """Return all that one message asks the ledger, surest first: for the rules that are on, and for screening.

    Screening asks for the message's own id (did the router send it?) and for the e-mail that a delivery report is about, by its id, by
    what the report answers and by tokens.  At most: 3 forms of each of its own, the original's, 4 In-Reply-To and 8 References ids, 4 tokens
    of each subject, and 2 conversation keys.
    """
    report = message.delivery_report is not None
    answers = lookup_ids(message) if tracking.correlation or report else ()
    direct = {form for one in answered_ids(message) for form in id_forms(one)}
    tokens = tuple(reversed(find_tokens(message.subject, tracking))) if tracking.tokens else ()
    threads = thread_keys(message.conversation_index, message.subject, tracking) if tracking.correlation else ()
    found = [(LinkKind.MESSAGE_ID, one) for one in (*own_ids(message), *reported_ids(message))]
    found += [(LinkKind.MESSAGE_ID, one) for one in answers if one in direct]
    found += [(LinkKind.TOKEN, one) for one in (*reported_tokens(message, tracking), *tokens)]
    found += [(LinkKind.THREAD, one) for one in threads]
    found += [(LinkKind.MESSAGE_ID, one) for one in answers if one not in direct]
    return tuple(dict.fromkeys(found))


def wanted(messages: Sequence[Message], tracking: Tracking, room: int | None = None) -> Wanted:
    """Return all that these messages ask the ledger, each value once, in `room` rows at most beside those of their own ids.

    Where there is no room for everything, each message has as many values as any other and the least sure are left out: of a full page of 25
    in 250 rows the first ten of each are always asked for.
    """
    # An id that makes a message key stands in the row of that key's claim, which is asked for anyway.
    own = (one for message in messages for one in own_ids(message) if normalised_id(one))
    free = {_row((LinkKind.MESSAGE_ID, one)) for one in own}
    rows = set(free)
    taken: dict[Way, None] = {}
    for rank in zip_longest(*(ways(message, tracking) for message in messages)):
        for way in rank:
            if way is None or (room is not None and len(rows) - len(free) >= room and _row(way) not in rows):
                continue
            rows.add(_row(way))
            taken[way] = None
    ids, tokens, threads = (
        tuple(value for kind, value in taken if kind is wanted_kind)
        for wanted_kind in (LinkKind.MESSAGE_ID, LinkKind.TOKEN, LinkKind.THREAD)
    )
    return Wanted(message_ids=ids, tokens=tokens, threads=threads)


def _row(way: Way) -> Way:
    """Return what stands for the row that answers: the spellings of one id share theirs."""
    kind, value = way
    return (kind, normalised_id(value) or value) if kind is LinkKind.MESSAGE_ID else way
