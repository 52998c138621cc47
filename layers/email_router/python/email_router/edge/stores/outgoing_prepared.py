"""Write the states of composed e-mails, each with its bytes and its ways back, several e-mails in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from email_router.core.grouping import groups, groups_within
from email_router.core.outgoing_states import Prepared
from email_router.core.sending import OutgoingState
from email_router.edge.connect import ledger_rows, transactions
from email_router.edge.connect import outgoing_rows as rows
from email_router.edge.connect.compact import sortable
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.ledger_rows import ABSENT, STATE
from email_router.edge.connect.transactions import Action, Cancelled, Place
from email_router.edge.connect.values import Item

_ROW = 2048
"""Bytes of a row beside what was composed, generously."""

_BYTES = 3_000_000
_KEPT = timedelta(days=180)
"""How long the bytes lie beside a state: as long as the bucket keeps larger ones."""

_LINKS = transactions.MOST_ACTIONS - 2


def write(table: Table, keys: Keys, prepared: Sequence[Prepared]) -> dict[str, OutgoingState]:
    """Write those e-mails of which no state stands; return the states that stand then, by activity."""
    stand: dict[str, OutgoingState] = {}
    for group in _groups(table, keys, prepared):
        stand |= _write(table, keys, group)
    return stand


def _write(table: Table, keys: Keys, group: list[Prepared]) -> dict[str, OutgoingState]:
    """Write one group; at most one round for each thing that can fail: a state that stands, a way back that a newer e-mail holds."""
    stand: dict[str, OutgoingState] = {}
    overtaken: set[Place] = set()
    while group:
        links = ledger_rows.link_actions(table.name, keys, [link for one in group for link in one.links])
        ways = {place: action for place, action in links.items() if place not in overtaken}
        states = [_state(table.name, keys, one.state) for one in group]
        beside = [_packed(table.name, keys, one) for one in group if one.packed]
        try:
            transactions.write(table.client, [*states, *ways.values(), *beside])
        except Cancelled as cancelled:
            places = list(ways)
            for number, item in cancelled.failed.items():
                if number < len(group):
                    state = group[number].state
                    stand[state.activity] = rows.state_of(item or _read(table, keys, state))
                else:
                    overtaken.add(places[number - len(group)])
            group = [one for one in group if one.state.activity not in stand]
        else:
            return stand | {one.state.activity: one.state for one in group}
    return stand


def _groups(table: Table, keys: Keys, prepared: Sequence[Prepared]) -> Iterator[list[Prepared]]:
    """Cut the e-mails into transactions of at most 100 actions and 3 MB; of one with very many ways back some are written before."""
    shortened = (_shortened(table, keys, one) for one in prepared)
    return groups_within(shortened, _cost, (transactions.MOST_ACTIONS, _BYTES))


def _shortened(table: Table, keys: Keys, one: Prepared) -> Prepared:
    """Write the ways back that do not fit into one transaction with the e-mail, and return it without them."""
    more = list(ledger_rows.link_actions(table.name, keys, one.links[_LINKS:]).values())
    for some in groups(more, transactions.MOST_ACTIONS):
        transactions.write_what_holds(table.client, some)
    return Prepared(state=one.state, packed=one.packed, links=one.links[:_LINKS])


def _cost(one: Prepared) -> tuple[int, int]:
    """Return how many actions write it, and about how many bytes: the recipients stand in the state, and with 8 each on every way back."""
    actions = 2 + len(one.links)
    people = sum(map(len, one.state.recipients)) + sum(8 * len(link.email.participants) for link in one.links)
    return actions, _ROW * actions + len(one.packed) + people


def _state(table: str, keys: Keys, state: OutgoingState) -> Action:
    listed = {"spk": keys.outgoing_list, "ssk": f"{sortable(state.changed)}#{state.activity}"}
    place = {"pk": keys.outgoing(state.activity), "sk": STATE}
    return transactions.put(table, {**place, **listed, **rows.fields(state)}, ABSENT)


def _packed(table: str, keys: Keys, one: Prepared) -> Action:
    item = {"pk": keys.outgoing(one.state.activity), "sk": rows.PACKED, "packed": one.packed}
    return transactions.put(table, {**item, "expires": int((one.state.changed + _KEPT).timestamp())})


def _read(table: Table, keys: Keys, state: OutgoingState) -> Item:
    """Read the state where AWS did not send it along."""
    return table.get((keys.outgoing(state.activity), STATE)) or {}
