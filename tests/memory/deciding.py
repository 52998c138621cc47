"""CRMs that do more than keep: one decides what it wants, one gives tracking tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from email_router.core.crm_rulings import Offer, Ruling
from email_router.core.ledger import Delivered, Delivery
from email_router.core.mailbox_state import Lease
from tests.memory.crm import MemoryCrm


class Deciding(MemoryCrm):
    """Wants what its `rulings` say of a subject, and gives ids of its own; `asked` has the offers of each call."""

    @property
    def asked(self) -> list[list[Offer]]:
        found: list[list[Offer]] = self.__dict__.setdefault("_asked", [])
        return found

    @property
    def rulings(self) -> dict[str, Ruling]:
        found: dict[str, Ruling] = self.__dict__.setdefault("_rulings", {})
        return found

    def rule_on(self, offers: Sequence[Offer]) -> Sequence[Ruling]:
        self.asked.append(list(offers))
        return [self.rulings.get(one.subject, Ruling(True, "accept_all", "told so")) for one in offers]

    def deliver(self, deliveries: Sequence[Delivery], lease: Lease) -> Sequence[Delivered]:
        return super().deliver([_named(one) for one in deliveries], lease)


def _named(one: Delivery) -> Delivery:
    real = f"real {one.activity.message_id}"
    return replace(
        one,
        activity=replace(one.activity, id=real),
        claim=replace(one.claim, activity=real),
        receipt=replace(one.receipt, activity=real),
        trace=replace(one.trace, activity=real),
        links=tuple(replace(link, email=replace(link.email, activity=real)) for link in one.links),
    )


class Giving(MemoryCrm):
    """A CRM that gives tokens; `asked` has the subjects of each call."""

    form = "CRM:0007%03d"
    trouble: Exception | None = None

    def new_tokens(self, subjects: Sequence[str]) -> Sequence[str]:
        if self.trouble:
            raise self.trouble
        self.asked.append(list(subjects))
        begun = sum(map(len, self.asked)) - len(subjects)
        return [
            self.form % (begun + number) if "%" in self.form else self.form for number in range(1, len(subjects) + 1)
        ]

    @property
    def asked(self) -> list[list[str]]:
        found: list[list[str]] = self.__dict__.setdefault("_asked", [])
        return found
