"""Write an e-mail, open a sender on the simulator, see what has arrived."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

from email_router.core.compose import Outgoing, compose
from email_router.core.mailbox import Direction, Mailbox
from email_router.core.message import Address, Attachment
from email_router.core.ports import Reach
from email_router.core.sending import Envelope
from email_router.edge.senders.graph import GraphSender
from tests.simulators.graph.process import SECRET, GraphProcess

NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
OUTSIDE = "kim@fabrikam.example"
SEND = "POST .*/send$"


def sender(graph: GraphProcess, box: str, **changes: object) -> GraphSender:
    profile = graph.profile(name="online-out", direction=Direction.OUTGOING, **changes)
    return GraphSender(profile, Mailbox(address=box), SECRET, Reach(loopback=True))


def mail(box: str, *attachments: Attachment, to: str = OUTSIDE, headers: tuple[tuple[str, str], ...] = ()) -> bytes:
    wanted = Outgoing(
        sender=Address("Sales", box),
        to=(Address("Kim", to),),
        subject="Größe",
        date=NOW,
        message_id=f"<one@{box.partition('@')[0]}.contoso.example>",
        in_reply_to="<before@fabrikam.example>",
        references=("<first@fabrikam.example>", "<before@fabrikam.example>"),
        text="Hello\n",
        html='<p>ä <img src="cid:logo"></p>',
        attachments=attachments,
        headers=(("X-EmailRouter", "contoso;6f1d"), *headers),
    )
    return compose(wanted)


def envelope(box: str, *recipients: str, **changes: object) -> Envelope:
    first = Envelope(
        organisation="contoso",
        activity="6f1d",
        sender=box,
        recipients=recipients or (OUTSIDE,),
        message_id=f"<one@{box.partition('@')[0]}.contoso.example>",
    )
    return replace(first, **changes)  # type: ignore[arg-type]  # fields by name


def arrived(graph: GraphProcess, box: str, address: str = OUTSIDE) -> list[EmailMessage]:
    """The mails of this box's own e-mail that an outsider got."""
    found = [message_from_bytes(raw, policy=policy.default) for raw in graph.outside(address, box)]
    return [one for one in found if box in str(one["From"])]
