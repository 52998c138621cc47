"""While a new version is deployed the old one runs: what either leaves in the middle of its work, the other finishes, and loses nothing.

`earlier.json` is what an earlier version left (scene.py tells how it was recorded).  What a later one leaves is made of our own rows by
adding to each what this version cannot know.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from email_router.core.activity import EmailActivity, EmailStatus
from email_router.core.ledger import Outcome
from email_router.edge.connect import compact
from email_router.wiring import events
from tests.cloud import Place, Stores, aws_stores, clients, make_place
from tests.flows.house import ANN, SALES, mail
from tests.infra.two_versions.scene import MAILS, REFUSED, REPLACED, dump, house_of, load, office_of, play

EARLIER = Path(__file__).parent / "two_versions" / "earlier.json"
LATER = "of_a_later_version"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ROUTED = ["A long one", "An order", "Re: An order", "The last"]


@dataclass
class Left:
    """What another version left, in stores of this one."""

    place: Place
    stores: Stores
    orders: list[dict[str, Any]]

    def incoming(self) -> dict[str, EmailActivity]:
        """The e-mails that came in, by their ids."""
        found = [email for email in self.stores.crm.emails() if email.direction.value == "incoming"]
        by_id = {email.message_id or "": email for email in found}
        assert len(by_id) == len(found), "a mail is there twice"
        return by_id

    def marked(self) -> set[tuple[str, str]]:
        """Where a row lies that holds what this version does not know, of those that are changed and not replaced."""
        rows = [row for rows in dump(self.place)["rows"].values() for row in rows]
        places = {(row["pk"]["S"], row["sk"]["S"]) for row in rows if LATER in row}
        return {(pk, sk) for pk, sk in places if not any(one in pk + sk for one in REPLACED)}


@pytest.fixture(scope="module", params=["an earlier version", "a later version"])
def told(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What lay in tables, bucket and queues."""
    return made_later() if request.param == "a later version" else dict(json.loads(EARLIER.read_text("utf-8")))


@pytest.fixture
def left(told: dict[str, Any]) -> Iterator[Left]:
    with mock_aws(), clients(None, "KEYS_ONLY") as given:
        place = make_place(given)
        load(place, told)
        yield Left(place, aws_stores(place), told["orders"])


def made_later() -> dict[str, Any]:
    """What this version leaves, with an attribute more in each row, a field more in what lies compressed, a word more in each order."""
    with mock_aws(), clients(None, "KEYS_ONLY") as given:
        place = make_place(given)
        play(aws_stores(place))
        told = dump(place)
    for row in (row for rows in told["rows"].values() for row in rows):
        for name, value in row.items():
            if "B" in value and (more := with_a_field_more(base64.b64decode(value["B"]))):
                row[name] = {"B": base64.b64encode(more).decode()}
        row[LATER] = {"M": {"since": {"N": "7"}}}
    return {**told, "orders": [{**order, LATER: True} for order in told["orders"]]}


def with_a_field_more(data: bytes) -> bytes:
    """The bytes of a compressed object with a field that we do not know, or nothing where they are no such object."""
    if data[:1] != b"\x01":
        return b""
    opener = zlib.decompressobj(-15, compact._COMMON)
    plain = json.loads(opener.decompress(data[1:]) + opener.flush())
    return compact.squeeze({**plain, LATER: {"deep": [1]}}) if isinstance(plain, dict) else b""


def test_mails_that_another_version_began_with_are_one_e_mail_each_and_answers_find_them(left: Left) -> None:
    """A mail that failed, one more copy where a worker died, an answer to what was delivered, one to what was sent."""
    house, unknown = house_of(left.stores), left.marked()
    current = left.stores.configurations.current("contoso")
    before = left.incoming()
    token = left.stores.outgoing.get("e1").tracking_token
    house.source.put(mail(6, subject="Re: Re: An order", extra="In-Reply-To: <m1@fabrikam.example>\r\n"))
    house.source.put(mail(7, subject=f"AW: Your order 1 {token}"))
    house.sources[ANN].put(MAILS[1])
    assert [box.address for box in current.mailboxes] == [SALES, ANN]
    assert {one.mailbox for one in left.stores.schedule.mailboxes()} == {SALES, ANN}
    assert sorted(email.subject for email in before.values()) == ROUTED

    house.clock.at += timedelta(hours=2)
    house.route()
    house.route(ANN)

    after = left.incoming()
    answers = [after.pop("<m6@fabrikam.example>"), after.pop("<m7@fabrikam.example>")]
    assert sorted(email.subject for email in after.values()) == sorted([*ROUTED, REFUSED])
    assert {name: email.id for name, email in after.items() if name in before} == {
        name: email.id for name, email in before.items()
    }
    assert [answer.correlated for answer in answers] == [before["<m1@fabrikam.example>"].id, "e1"]
    assert list(left.stores.states.retries(SALES, None, 10)) == []
    copies = [one for one in left.stores.ledger.traces_since(LONG_AGO) if one.mailbox == ANN]
    assert [(one.outcome, one.activity) for one in copies] == [
        (Outcome.DELIVERED, before["<m2@fabrikam.example>"].id),
    ]
    assert unknown <= left.marked()


def test_e_mails_that_another_version_began_with_leave_once_and_their_reports_find_them(left: Left) -> None:
    office, unknown = office_of(left.stores), left.marked()
    assert [order["activities"] for order in left.orders] == [["e5"]]
    for order in left.orders:
        office.carry_out(events.outgoing_work(order))
    for _ in range(2):
        office.clock.at += timedelta(hours=2)
        office.collect()
        for _, order in left.place.bodies(left.place.outgoing_queue):
            office.carry_out(events.outgoing_work(order))
    stands = {name: left.stores.outgoing.get(name).status for name in ("e1", "e2", "e3", "e4", "e5")}

    recorded = office.report(organisation="contoso", activity="e1", provider_id="ses-1")

    assert sorted(envelope.activity for envelope, _ in office.sender.sent) == ["e3", "e5"]
    assert stands == {
        "e1": EmailStatus.SENT,
        "e2": EmailStatus.UNKNOWN,
        "e3": EmailStatus.SENT,
        "e4": EmailStatus.UNKNOWN,
        "e5": EmailStatus.SENT,
    }
    assert (recorded, left.stores.crm.email("e1").status) == ("e1", EmailStatus.FAILED)
    assert unknown <= left.marked()
