"""The e-mails that the demo's people send from the CRM."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from email_router.cli.demo.world import ANN, BOB, CARLA, CLOSED, DORA, EMIL, GITA, HUGO, MOVED, NAMES, SALES
from email_router.core.activity import EmailActivity, EmailStatus, Party, Record, Role
from email_router.core.mailbox import Direction

_LETTERS = uuid.UUID("c3ce5b8c-62a5-5f38-8c0e-0d8b3d6f9a51")


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail to send: `key` names it for its answer, `about` is the address of the record that it regards."""

    key: str
    case: str
    sender: str
    to: tuple[str, ...]
    subject: str
    about: str
    text: str

    @property
    def activity(self) -> str:
        """The id of its activity."""
        return str(uuid.uuid5(_LETTERS, self.key))


LETTERS = (
    Letter("quote", "sent-smtp", SALES, (CARLA,), "Quote for twenty trail bikes", "office@fabrikam.example",
           "Dear Carla,\n\nhere is our quote for twenty trail bikes: 18,400 EUR, delivered in March.\n"),
    Letter("delivery", "sent-smtp", SALES, (EMIL,), "Delivery date of order 4711", EMIL,
           "Dear Emil,\n\nyour order 4711 leaves our house on Thursday.\n"),
    Letter("parts", "sent-smtp", SALES, (HUGO,), "Spare parts list for the city model", HUGO,
           "Hello Hugo,\n\nhere is the list of spare parts. Tell us what you need.\n"),
    Letter("contract", "sent-ses", ANN, (DORA,), "Your service contract", DORA,
           "Dear Dora,\n\nyour service contract ends in December. Shall we renew it?\n"),
    Letter("visit", "sent-ses", ANN, (GITA, CARLA), "Visit to our show room", GITA,
           "Dear all,\n\nyou are welcome in our show room next week.\n"),
    Letter("thanks", "sent-smtp", BOB, (DORA,), "Thank you for your visit", DORA,
           "Dear Dora,\n\nit was a pleasure to meet you. The photos follow.\n"),
    Letter("invoice", "bounce", SALES, (MOVED,), "Invoice 2026-118", "office@fabrikam.example",
           "Dear customer,\n\nplease find our invoice 2026-118 in your account.\n"),
    Letter("reminder", "bounce", ANN, (CLOSED,), "Reminder: your service contract", DORA,
           "Dear customer,\n\na friendly reminder of our offer.\n"),
)  # fmt: skip


def activity(letter: Letter, records: Mapping[str, tuple[Record, ...]], at: datetime) -> EmailActivity:
    """Return the pending e-mail activity of a letter."""

    def party(role: Role, address: str) -> Party:
        known = records.get(address.casefold(), ())
        return Party(role, address, NAMES.get(address, ""), known[0] if known else None)

    return EmailActivity(
        id=letter.activity,
        direction=Direction.OUTGOING,
        status=EmailStatus.PENDING,
        subject=letter.subject,
        parties=(party(Role.FROM, letter.sender), *(party(Role.TO, address) for address in letter.to)),
        regarding=next(iter(records.get(letter.about.casefold(), ())), None),
        created=at,
        text=letter.text,
        owner=ANN,
        mailbox=letter.sender,
    )
