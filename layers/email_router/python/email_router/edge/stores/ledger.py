"""Keep in DynamoDB what one organisation remembers of messages.

A claim is never written here: it comes to be in the transaction that creates the activity (edge/crm).  Rows are written with their
fencing check, so a call that is repeated, or that a stale worker makes, changes nothing that counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from email_router.core.errors import StaleWorker
from email_router.core.grouping import groups, groups_within
from email_router.core.ledger import Claim, Counted, Found, KnownEmail, Link, LinkKind, Receipt, Trace, Wanted
from email_router.core.mailbox_state import Lease
from email_router.edge.connect import ledger_rows as rows
from email_router.edge.connect import transactions
from email_router.edge.connect.compact import micros
from email_router.edge.connect.dynamodb import ConditionFailed, Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Action, Cancelled, Place
from email_router.edge.connect.values import Item, size_of
from email_router.edge.stores import user_numbers

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_PAIRS = (transactions.MOST_ACTIONS - 1) // 2
_BYTES = 3_000_000
"""Of the 4 MB that a transaction takes: a trace holds up to 300 KB of a mail's header."""

_FREE = f"{rows.ABSENT} OR #email.#at < :live OR #email.#activity = :mine"


class DynamoLedger:
    """The ledger of one organisation."""

    def __init__(self, client: DynamoDBClient, table: str, organisation: str) -> None:
        self._table = Table(client, table)
        self._keys = Keys(organisation)

    def find(self, wanted: Wanted) -> Found:
        """Answer all questions of a page: 100 rows a call, strongly consistent."""
        keys = self._keys
        pairs = [*((key, mailbox) for key in wanted.keys for mailbox in wanted.mailboxes), *wanted.pairs]
        claims = {key: rows.claim_place(keys, key) for key in wanted.keys}
        receipts = {pair: rows.receipt_place(keys, *pair) for pair in pairs}
        ids = {one: rows.link_place(keys, LinkKind.MESSAGE_ID, one) for one in wanted.message_ids}
        tokens = {one: rows.link_place(keys, LinkKind.TOKEN, one) for one in wanted.tokens}
        threads = {one: rows.link_place(keys, LinkKind.THREAD, one) for one in wanted.threads}
        copies = {one: rows.receipt_place(keys, one[0], rows.seen_in(one[1], one[2])) for one in wanted.copies}
        places = (claims, receipts, copies, ids, tokens, threads)
        items = self._items([place for one in places for place in one.values()])
        found = {key: items[place] for key, place in claims.items() if rows.is_claim(items.get(place, {}))}
        notes = {pair: rows.receipt_of(items[place]) for pair, place in receipts.items() if place in items}
        firsts = {(key, item["mailbox"]): rows.first_receipt(item) for key, item in found.items()}
        return Found(
            claims={key: rows.claim_of(item) for key, item in found.items()},
            receipts=notes | {pair: receipt for pair, receipt in firsts.items() if pair in receipts},
            message_ids=_known(ids, items),
            tokens=_known(tokens, items),
            threads=_known(threads, items),
            copies={one: rows.receipt_of(items[place]) for one, place in copies.items() if place in items},
        )

    def by_subject(self, subject_hash: str, since: datetime, limit: int = 100) -> Sequence[KnownEmail]:
        """Return the e-mails whose subject words hash to this, newest first."""
        values = {":pk": self._keys.subject(subject_hash), ":since": rows.subject_since(since)}
        found = self._table.query("#pk = :pk AND #sk >= :since", values, newest_first=True, limit=limit)
        return [rows.known_of(item) for item in found]

    def record(self, receipts: Sequence[tuple[Receipt, Trace]], lease: Lease) -> None:
        """Write receipts and traces, 49 pairs and 3 MB a transaction; of two for one message and mailbox the last stands."""
        latest = {(receipt.key, receipt.mailbox, receipt.copy): (receipt, trace) for receipt, trace in receipts}
        fence = rows.fence(self._table.name, self._keys, lease)
        for actions in self._pairs(latest.values()):
            try:
                transactions.write(self._table.client, [fence, *actions])
            except Cancelled as cancelled:
                raise StaleWorker(f"{lease.mailbox}: token {lease.token} is not the newest any more") from cancelled

    def link(self, links: Sequence[Link]) -> None:
        """Write ways back to an e-mail; one that a newer e-mail holds is passed over."""
        actions = list(rows.link_actions(self._table.name, self._keys, links).values())
        for group in groups(actions, transactions.MOST_ACTIONS):
            transactions.write_what_holds(self._table.client, group)

    def reserve_token(self, token: str, email: KnownEmail, live_since: datetime) -> bool:
        """Write the token's row unless a live conversation has it; asked again for the same e-mail, the answer is the same."""
        item = rows.token_item(self._keys, token, email)
        try:
            self._table.put(item, _FREE, _free(email, live_since))
        except ConditionFailed:
            return False
        return True

    def reserve_tokens(self, emails: Sequence[KnownEmail], live_since: datetime) -> Sequence[bool]:
        """Reserve tokens, 100 a transaction, what live conversations have left out."""
        first = {str(email.token): email for email in reversed(emails) if email.token}
        taken: set[str] = set()
        for group in groups(first.items(), transactions.MOST_ACTIONS):
            items = [(rows.token_item(self._keys, token, one), _free(one, live_since)) for token, one in group]
            actions = [transactions.put(self._table.name, item, _FREE, values) for item, values in items]
            taken |= {group[number][0] for number in transactions.write_what_holds(self._table.client, actions)}
        return [first.get(str(email.token)) is email and email.token not in taken for email in emails]

    def user_number(self, user: str) -> int:
        """Return the user's number."""
        return user_numbers.number(self._table, self._keys, user)

    def next_counts(self, user: str, count: int) -> Counted:
        """Add to the user's message counter; return its value before, and its digits."""
        return user_numbers.add(self._table, self._keys, user, count)

    def grow_digits(self, user: str, digits: int) -> None:
        """Let the user's counter have so many digits from now on."""
        user_numbers.grow(self._table, self._keys, user, digits)

    def claim(self, key: str) -> Claim | None:
        """Return the claim of a message key, or None."""
        item = self._table.get(rows.claim_place(self._keys, key))
        return rows.claim_of(item) if item and rows.is_claim(item) else None

    def receipts(self, key: str) -> Sequence[Receipt]:
        """Return the receipts of a message key, that of the claim's mailbox included."""
        claim = self._table.get(rows.claim_place(self._keys, key))
        items = [item for item in self._of_message(key, rows.RECEIPT) if "copy" not in item]
        found = {item["mailbox"]: rows.receipt_of(item) for item in items}
        if claim and rows.is_claim(claim):
            found[claim["mailbox"]] = rows.first_receipt(claim)
        return [found[mailbox] for mailbox in sorted(found)]

    def traces(self, key: str) -> Sequence[Trace]:
        """Return the traces of a message key."""
        return [rows.trace_of(item) for item in self._of_message(key, rows.TRACE)]

    def traces_since(self, at: datetime) -> Sequence[Trace]:
        """Return all traces written since then, oldest first, by reading the whole table."""
        values: Item = {":pk": self._keys.message(""), ":sk": rows.TRACE, ":at": micros(at)}
        found = self._table.scan("begins_with(#pk, :pk) AND begins_with(#sk, :sk) AND #at >= :at", values)
        return sorted((rows.trace_of(item) for item in found), key=lambda trace: trace.at)

    def _items(self, places: Sequence[Place]) -> dict[Place, Item]:
        return {(item["pk"], item["sk"]): item for item in self._table.get_all(places)}

    def _pairs(self, pairs: Iterable[tuple[Receipt, Trace]]) -> Iterator[list[Action]]:
        """Yield the actions that write these, as many as a transaction takes."""
        noted = (self._noted(receipt, trace) for receipt, trace in pairs)
        for group in groups_within(noted, _cost, (_PAIRS, _BYTES)):
            yield [action for pair in group for action in pair]

    def _noted(self, receipt: Receipt, trace: Trace) -> list[Action]:
        name, keys = self._table.name, self._keys
        return [
            transactions.put(name, rows.receipt_item(keys, receipt)),
            transactions.put(name, rows.trace_item(keys, trace)),
        ]

    def _of_message(self, key: str, prefix: str) -> Iterator[Item]:
        values = {":pk": self._keys.message(key), ":prefix": prefix}
        return self._table.query("#pk = :pk AND begins_with(#sk, :prefix)", values)


def _free(email: KnownEmail, live_since: datetime) -> Item:
    """Return the values by which a token is free for this e-mail."""
    return {":live": micros(live_since), ":mine": email.activity}


def _known(places: Mapping[str, Place], items: Mapping[Place, Item]) -> dict[str, KnownEmail]:
    """Return the e-mail that each value leads to; a claim may stand where no Message-ID leads to its e-mail."""
    return {one: rows.known_of(items[place]) for one, place in places.items() if "email" in items.get(place, ())}


def _cost(pair: Sequence[Action]) -> tuple[int, int]:
    return 1, sum(size_of(one["Put"]["Item"]) for one in pair)
