"""The scenarios of the incoming road."""

from __future__ import annotations

from collections.abc import Callable

from email_router.core.mailbox import Accept
from tests.faults.forward_mailboxes import (
    FORWARD,
    forged,
    forward,
    forward_for_two,
    forward_given_up,
    forward_together,
    forwarded_too,
    moving_forward,
    ungiven,
)
from tests.faults.mailboxes import (
    collecting,
    conversation,
    copies_of_an_answer,
    decided_there,
    deleting,
    in_small_pages,
    kept_raw,
    over_limit,
    quiet,
    reported,
    same_id_later_wanted,
    strangers,
    two_mailboxes,
)
from tests.faults.mailroom import Mailroom, Scene
from tests.faults.seam import Fault
from tests.faults.troubled_mailboxes import (
    after_a_crash,
    being_served,
    compare,
    given_up,
    killer,
    large_retry_due,
    lost,
    moving_aside,
    retry_due,
    retry_that_kills,
    set_aside,
    slow_crm,
)
from tests.flows.house import ANN, SALES, mail


def serve(mailbox: str = SALES) -> Callable[[Mailroom], object]:
    """A pass over a mailbox."""
    return lambda house: house.route(mailbox)


def later(seconds: float) -> Callable[[Mailroom], object]:
    """Time passes."""
    return lambda house: house.clock.advance(seconds)


_AGAIN = (serve(),) + (later(400), serve()) * 4

_MEET = frozenset({Fault.DOUBLED, Fault.OVERTAKEN})
"""Two workers that deliver one mail for one mailbox at the same moment meet in the claim: one activity, and one of the two is told."""

SCENES = (
    Scene("one mail", lambda: deleting(mail(1)), (serve(),)),
    Scene("a mail with an attachment, kept raw", kept_raw, (serve(),)),
    Scene("five mails with an answer to one of them", conversation, (serve(),)),
    Scene("five mails in small pages", in_small_pages, (serve(),)),
    Scene("a mail that nobody wants", lambda: deleting(mail(1), accept=Accept.REPLIES), (serve(),)),
    Scene("a delivery report", reported, (serve(),)),
    Scene("bytes that are no mail", lambda: deleting(b"", b"\x00\x01\x02", mail(3)), (serve(),)),
    Scene("a mail over the limit", over_limit, (serve(),)),
    Scene("one mail in two mailboxes", two_mailboxes, (serve(), serve(ANN))),
    Scene(
        "two mails under one id",
        lambda: deleting(mail(1), mail(1, sender="mallory@evil.example", text="Something else")),
        (serve(),),
    ),
    Scene(
        "copies in one mailbox",
        lambda: deleting(mail(1), mail(1), mail(1, text="the same id, other words")),
        (serve(),),
    ),
    Scene("a retry that is due", retry_due, (serve(),)),
    Scene("a retry over the limit that is due", large_retry_due, (serve(),)),
    Scene("the last retry", given_up, (serve(),)),
    Scene("a forward mailbox", forward, (serve(FORWARD),)),
    Scene("a forward mailbox with one mail for two, refused at first", forward_for_two, (serve(FORWARD),)),
    Scene("a forward mailbox with one mail for two in one page", forward_together, (serve(FORWARD),)),
    Scene(
        "a forwarded mail given up, then tried by hand",
        forward_given_up,
        (Mailroom.vouch, serve(FORWARD)),
        Mailroom.vouch,
    ),
    Scene("a forwarded mail that the server will not give", ungiven, (serve(FORWARD),)),
    Scene("a mailbox after a crash", after_a_crash, (serve(),)),
    Scene(
        "a message that ends its worker",
        lambda: killer(deleting(mail(1), mail(2, subject="killer"), mail(3))),
        _AGAIN,
    ),
    Scene("a retry that ends its worker", retry_that_kills, _AGAIN),
    Scene("a forged wrapper that a person vouches for", forged, (Mailroom.vouch, serve(FORWARD)), Mailroom.vouch),
    Scene("unreadable bytes tried again by hand", set_aside, (Mailroom.vouch, serve())),
    Scene("a mailbox without news", quiet, (serve(),)),
    Scene("a mailbox that another worker serves", being_served, (serve(),)),
    Scene("an answer in two mailboxes", copies_of_an_answer, (serve(), serve(ANN)), in_order=False),
    Scene("a mail under the id of one that nobody wanted", same_id_later_wanted, (serve(),), in_order=False),
    Scene(
        "a mail in its mailbox and forwarded too",
        forwarded_too,
        (serve(), serve(FORWARD)),
        in_order=False,
        spared=_MEET,
    ),
    Scene(
        "bytes that are no mail, moved aside", lambda: moving_aside(deleting(mail(1), b"\x00\x01", mail(3))), (serve(),)
    ),
    Scene("the last retry, moved aside", lambda: moving_aside(given_up()), (serve(),)),
    Scene("a retry that ends its worker, moved aside", lambda: moving_aside(retry_that_kills()), _AGAIN),
    Scene(
        "a message that ends its worker, moved aside",
        lambda: moving_aside(killer(deleting(mail(1), mail(2, subject="killer"), mail(3)))),
        _AGAIN,
    ),
    Scene("a forged wrapper, moved aside", moving_forward, (serve(FORWARD),)),
    Scene(
        "lost messages that a comparison picks up",
        lambda: lost(deleting(mail(3)), mail(1), b"\x00\x01", mail(2, message_id="")),
        (compare,),
        compare,
    ),
    Scene(
        "a lost message that ends its worker",
        lambda: moving_aside(killer(lost(deleting(mail(3)), mail(1), mail(2, subject="killer")))),
        (compare, *_AGAIN),
        compare,
    ),
    Scene("a source that deletes page by page", collecting, (serve(),)),
    Scene("senders whom nobody knows", strangers, (serve(), serve(ANN))),
    Scene("passes that run out of time", slow_crm, (serve(), serve(), serve())),
    Scene("a CRM that decides by itself", decided_there, (serve(),)),
)
