"""Whatever one organisation does, in whatever order: no request names another's rows, objects or orders, and nothing of the other changes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import Phase, example, settings
from hypothesis import given as generated
from hypothesis import strategies as st
from moto import mock_aws

from email_router.core.activity import Record
from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.flows.by_hand import ByHand
from email_router.core.flows.route_mailbox import RouteMailbox
from email_router.core.flows.undeliverable import retry
from email_router.core.sending import SendOutcome, SendResult
from email_router.core.work import MailboxWork, OutgoingWork
from email_router.edge.stores.all_objects import AllObjects
from email_router.edge.stores.all_rows import AllRows
from tests.cloud import Place, Stores, aws_stores, clients, make_place
from tests.faults.troubled_mailboxes import refuse
from tests.flows.house import SALES, House, mail
from tests.flows.office import ERIN, Office
from tests.infra.two_versions.scene import LONG_TEXT, dump, of_the_stores

TWO = ("alder", "alder-north")
"""The name of one begins the other's."""
OF_NOBODY = {"ORGS"}
NUMBERS = ["1", "2", "3"]
"""E-mails, and the mails in the mailbox, bear the same names in both."""


def belongs(text: str, organisation: str) -> bool:
    """Tell whether a key is the organisation's own: ORG#o, or what begins ORG#o#."""
    return f"{text}#".startswith(f"ORG#{organisation}#")


def lies_with(key: str, organisation: str) -> bool:
    """Tell whether an object is the organisation's own: kind/organisation/..."""
    return key.split("/")[1:2] == [organisation] or not key.rstrip("/").count("/")  # the kinds themselves are nobody's


def strangers(asked: Any, organisation: str) -> Iterator[str]:
    """Yield what a request names, or an answer holds, that is of an organisation and not of this one."""
    if isinstance(asked, dict):
        for name, value in asked.items():
            if name == "MessageBody" and json.loads(value)["organisation"] != organisation:
                yield value
            if name in {"Key", "Prefix"} and isinstance(value, str) and not lies_with(value, organisation):
                yield value
            if name in {"pk", ":pk"} and not belongs(value["S"], organisation) and value["S"] not in OF_NOBODY:
                yield value["S"]
            yield from strangers(value, organisation)
    elif isinstance(asked, list | tuple):
        for one in asked:
            yield from strangers(one, organisation)
    elif isinstance(asked, str) and asked.startswith("ORG#") and not belongs(asked, organisation):
        yield asked


@dataclass
class Town:
    """Two organisations in one place, each with both roads; what is said to AWS is held against who says it."""

    place: Place
    acting: str = ""
    found: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    rooms: dict[str, tuple[Stores, House, Office]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in TWO:
            stores = aws_stores(self.place, name)
            house, office = House(), Office()
            refuse(house, 3)
            for room in (house, office):
                of_the_stores(room, stores)
                room.configuration = replace(room.configuration, organisation=name)
            stores.configurations.publish(house.configuration)
            stores.states.schedule(SALES, 60, 900)
            stores.know(ERIN, Record("contact", f"erin-of-{name}", "Erin"))
            self.rooms[name] = stores, house, office
        for client in (self.place.clients.dynamodb, self.place.clients.s3, self.place.clients.sqs):
            client.meta.events.register("provide-client-params.*", self._asked)
            client.meta.events.register("after-call.*", self._answered)

    def _asked(self, params: Any, **_: Any) -> None:
        if self.acting:
            self.found += strangers(params, self.acting)

    def _answered(self, parsed: Any, **_: Any) -> None:
        if self.acting:
            self.found += strangers(
                {name: one for name, one in parsed.items() if name != "ResponseMetadata"}, self.acting
            )

    def act(self, organisation: str, what: str, number: str) -> None:
        """Let the organisation do it, and see that it kept to itself."""
        (other,) = set(TWO) - {organisation}
        before, self.acting = self.told or self.all(), organisation
        ACTS[what](self, organisation, number)
        self.acting = ""
        self.told = self.all()
        assert self.found == []
        assert self.told[other] == before[other], f"{organisation} changed what is {other}'s: {what} {number}"

    def all(self) -> dict[str, Any]:
        """Return the rows and objects of each organisation."""
        told = dump(self.place)
        rows = [row for table in told["rows"].values() for row in table]
        found = {name: [row for row in rows if belongs(row["pk"]["S"], name)] for name in TWO}
        assert all(found.values())
        return {
            name: (
                sorted(found[name], key=lambda row: (row["pk"]["S"], row["sk"]["S"])),
                {key: raw for key, raw in told["blobs"].items() if lies_with(key, name)},
            )
            for name in TWO
        }


def arrive(town: Town, organisation: str, number: str) -> None:
    """A mail comes in: one is refused at first, one is long and lies in the bucket."""
    _, house, _ = town.rooms[organisation]
    text = LONG_TEXT if number == "2" else "Hello"
    house.source.put(mail(int(number), text=f"{text} {organisation}"))
    end = house.clock.advance(1200) + timedelta(seconds=240)
    RouteMailbox(house.incoming()).route(MailboxWork(organisation, SALES), end)


def send(town: Town, organisation: str, number: str) -> None:
    """An e-mail is written, collected and sent; the second is deferred, nobody knows of the third."""
    stores, _, office = town.rooms[organisation]
    office.clock.advance(1200)
    if stores.crm.email(number) is None:
        office.write(number)
    answers: dict[str, SendResult | BaseException] = {
        "1": SendResult(outcome=SendOutcome.ACCEPTED, evidence="250 ok", provider_id="ses-1"),
        "2": TryLater("busy", kind="server_busy", mend="wait", shared=True),
        "3": SendResult(outcome=SendOutcome.UNKNOWN, evidence="the line broke"),
    }
    office.sender.answers = [answers[number]]
    office.collect()
    office.carry_out(OutgoingWork(organisation, "out", SALES, (number,)))


def report(town: Town, organisation: str, number: str) -> None:
    """A bounce comes, which knows the e-mail by the provider's id; one that was never sent is nobody's."""
    office = town.rooms[organisation][2]
    office.report(provider_id=f"ses-{number}")


def by_hand(town: Town, organisation: str, number: str) -> None:
    """A person settles, retries and cancels."""
    _, _, office = town.rooms[organisation]
    hand = ByHand(clock=office.clock, crm=office.crm, outgoing=office.outgoing, alerts=office.alerts, who="by hand")
    for one in {"1": (hand.retry,), "2": (hand.cancel, hand.retry), "3": (hand.sent, hand.resend)}[number]:
        with contextlib.suppress(ConfigurationError):  # it does not fit what the e-mail is
            one(number)


def look(town: Town, organisation: str, number: str) -> None:
    """A person looks at everything, tries again what was set aside, and settles an alert."""
    stores, house, _ = town.rooms[organisation]
    list(stores.crm.emails())
    stores.ledger.traces(f"<m{number}@fabrikam.example>")
    for entry in stores.quarantine.entries():
        retry(entry, stores.states, stores.quarantine, house.clock)
    for alert in stores.alerts.all():
        stores.alerts.settle(alert.id)


def back_up(town: Town, organisation: str, number: str) -> None:
    """Everything of the organisation is read, as a backup does."""
    given = town.place.clients
    for table in (town.place.router, town.place.crm):
        assert all(belongs(str(row["pk"]), organisation) for row in AllRows(given.dynamodb, table, organisation).scan())
    objects = AllObjects(given.s3, town.place.bucket, organisation)
    for key in objects.listed():
        list(objects.pieces(key))


ACTS: dict[str, Callable[[Town, str, str], None]] = {
    "arrive": arrive,
    "send": send,
    "report": report,
    "by hand": by_hand,
    "look": look,
    "back up": back_up,
}
STEPS = st.lists(
    st.tuples(st.sampled_from(TWO), st.sampled_from(sorted(ACTS)), st.sampled_from(NUMBERS)), min_size=4, max_size=12
)


@example([(name, what, number) for what in ACTS for number in NUMBERS for name in TWO])
@settings(max_examples=5, deadline=None, phases=(Phase.explicit, Phase.generate))
@generated(STEPS)
def test_an_organisation_keeps_to_itself(steps: list[tuple[str, str, str]]) -> None:
    with mock_aws(), clients(None, "KEYS_ONLY") as made:
        town = Town(make_place(made))
        for step in steps:
            town.act(*step)
