"""Write new e-mail activities with their claims, each exactly once, many in one transaction.

A transaction holds the check of the lease's token, and for each message its activity, its claim (put where none stands), its trace and its
links; or, where a claim stands already, the receipt and the trace.  What stops a transaction is read from its reasons: an old token stops
the worker, a standing claim turns that message into a receipt, a newer link is left out, and a quarrel with another writer halves the group.
A call whose answer was lost may be repeated: it finds its own claims and answers the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from email_router.core.errors import StaleWorker, TryLater
from email_router.core.grouping import groups_within
from email_router.core.ledger import Claim, Delivered, Delivery
from email_router.core.mailbox_state import Lease
from email_router.edge.connect import ledger_rows as rows
from email_router.edge.connect import transactions
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Action, Cancelled, Place
from email_router.edge.connect.values import Item, pack_item, size_of

_MESSAGES = 24
_ACTIONS = 99
_BYTES = 3_000_000
_TURNS = 10
_FENCE = 0


@dataclass(slots=True)
class Order:
    """One delivery under way: its row, the claim that stands where it is not ours, the links that newer e-mails hold."""

    delivery: Delivery
    item: Item
    standing: Claim | None = None
    overtaken: set[Place] = field(default_factory=set)
    answer: Delivered | None = None

    @property
    def key(self) -> str:
        """The message's key."""
        return self.delivery.claim.key


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes orders of one organisation: activities to `crm`, all else to `router`."""

    crm: Table
    router: Table
    keys: Keys
    lease: Lease

    def write(self, orders: Sequence[Order]) -> None:
        """Write all and set their answers.  Raises StaleWorker, or TryLater (shared) when others are in the way for too long."""
        for group in groups_within(orders, _cost, (_MESSAGES, _ACTIONS, _BYTES)):
            self._write(group, 0)

    def _write(self, orders: list[Order], turn: int) -> None:
        """Write one group, with what its cancellations teach left out; at most one round for each thing that can fail."""
        while orders:
            actions, owners = self._compose(orders)
            if len(actions) > 1:
                try:
                    transactions.write_once(self.router.client, actions)
                except Cancelled as cancelled:
                    if not cancelled.failed:
                        self._again(orders, turn, cancelled)
                        return
                    self._learn(orders, owners, cancelled)
                    orders = [order for order in orders if order.answer is None]
                    continue
            for order in orders:
                order.answer = _answer(order)
            return

    def _again(self, orders: list[Order], turn: int, cancelled: Cancelled) -> None:
        """Another writer was in the way: wait a random while, then go on with halves."""
        if turn == _TURNS:
            text = f"{self.lease.mailbox}: a transaction was cancelled {_TURNS} times ({cancelled})"
            raise TryLater(text, kind="aws_busy", shared=True) from cancelled
        transactions.pause(turn)
        half = (len(orders) + 1) // 2
        for part in (orders[:half], orders[half:]):
            self._write(part, turn + 1)

    def _compose(self, orders: Sequence[Order]) -> tuple[list[Action], list[Order | Place | None]]:
        """Return the actions, and whose each is: a claim's order, a link's place, or nobody's that can fail."""
        actions = [rows.fence(self.router.name, self.keys, self.lease)]
        owned: list[Order | Place | None] = [None]
        links = []
        claimed = {rows.claim_place(self.keys, order.key) for order in orders if order.standing is None}
        for order in orders:
            mine = self._created(order) if order.standing is None else self._noted(order, order.standing)
            actions += mine
            owned += [order if order.standing is None and number == 0 else None for number in range(len(mine))]
            if order.standing is None:
                links += [link for link in order.delivery.links if not rows.rests_on(order.key, link)]
        # One item takes one action: a claim of this group is its id's way back, also for another message under that id.
        left_out = claimed | {place for order in orders for place in order.overtaken}
        for place, action in rows.link_actions(self.router.name, self.keys, links).items():
            if place not in left_out:
                actions.append(action)
                owned.append(place)
        return actions, owned

    def _created(self, order: Order) -> list[Action]:
        return [
            rows.claim_action(self.router.name, self.keys, order.delivery),
            transactions.put(self.crm.name, order.item),
            transactions.put(self.router.name, rows.trace_item(self.keys, order.delivery.trace)),
        ]

    def _noted(self, order: Order, standing: Claim) -> list[Action]:
        """Return the receipt and trace of a message that another mailbox has made an activity; none for the claim's own mailbox."""
        delivery = order.delivery
        if standing.mailbox == delivery.receipt.mailbox:
            return []
        differs = standing.content != delivery.claim.content
        receipt = replace(delivery.receipt, activity=standing.activity, content_differs=differs)
        trace = replace(delivery.trace, activity=standing.activity)
        name, keys = self.router.name, self.keys
        return [
            transactions.put(name, rows.receipt_item(keys, receipt)),
            transactions.put(name, rows.trace_item(keys, trace)),
        ]

    def _learn(self, orders: Sequence[Order], owners: Sequence[Order | Place | None], cancelled: Cancelled) -> None:
        """Take from the reasons what is not to be written."""
        for number, item in cancelled.failed.items():
            owner = owners[number]
            if number == _FENCE:
                raise StaleWorker(
                    f"{self.lease.mailbox}: token {self.lease.token} is not the newest any more"
                ) from cancelled
            if isinstance(owner, Order):
                _meet(owner, rows.claim_of(item or self._standing(owner)))
            elif owner is not None:
                for order in orders:
                    order.overtaken.add(owner)

    def _standing(self, order: Order) -> Item:
        """Read the claim where AWS did not send it along."""
        return self.router.get(rows.claim_place(self.keys, order.key)) or {}


def _cost(order: Order) -> tuple[int, int, int]:
    """Return what a mail takes of a transaction: messages, actions beside the fence, bytes at most."""
    actions = 3 + len(order.delivery.links)
    return 1, actions, 2048 * actions + size_of(pack_item(order.item)) + _beyond(order.delivery)


def _beyond(delivery: Delivery) -> int:
    """Return what the rows of a mail hold beyond the usual, at most: a header of 256 KB in its trace, many people on its ways back."""
    trace = delivery.trace
    told = sum(len(value) for _, value in trace.headers) + len(trace.subject)
    facts = trace.facts
    people = sum(map(len, (*facts.to, *facts.cc, *facts.bcc))) if facts else 0
    return told + people + sum(8 * len(link.email.participants) for link in delivery.links)


def settle(
    writer: Writer, deliveries: Sequence[Delivery], ordered: Callable[[Sequence[Delivery]], list[Order]]
) -> list[Delivered]:
    """Write the deliveries and answer in their order; messages with one key in one call are settled here, the first makes the claim."""
    first: dict[str, Delivery] = {}
    others = [one for one in deliveries if first.setdefault(one.claim.key, one) is not one]
    orders = ordered(list(first.values()))
    writer.write(orders)
    claims = {order.key: order.standing or order.delivery.claim for order in orders}
    twins = {(one.claim.key, one.receipt.mailbox): Order(one, {}, claims[one.claim.key]) for one in others}
    writer.write(list(twins.values()))
    answers = {order.key: order.answer for order in orders}
    return [
        answer
        if (answer := answers[one.claim.key]) and first[one.claim.key] is one
        else Delivered(one.claim.key, claims[one.claim.key].activity, created=False)
        for one in deliveries
    ]


def _meet(order: Order, standing: Claim) -> None:
    """Meet a standing claim: our own of an earlier call whose answer was lost, or another mailbox's."""
    mine = order.delivery.claim
    if (standing.activity, standing.mailbox) == (mine.activity, mine.mailbox):
        order.answer = Delivered(order.key, standing.activity, created=True)
    else:
        order.standing = standing


def _answer(order: Order) -> Delivered:
    if order.standing is None:
        return Delivered(order.key, order.delivery.claim.activity, created=True)
    return Delivered(order.key, order.standing.activity, created=False)
