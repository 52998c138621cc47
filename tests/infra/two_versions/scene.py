"""What a version leaves behind in the middle of its work: rows, blobs and orders, written by both roads on the real stores.

It runs under an earlier version too, which is how `earlier.json` was recorded: unpack that version (`git archive COMMIT | tar -x -C FOLDER`),
copy this file to the same place there, and run `python -m tests.infra.two_versions.scene FILE` in FOLDER with its
`layers/email_router/python` on PYTHONPATH.  So it uses what both have, and nothing newer.
"""

from __future__ import annotations

import base64
import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from moto import mock_aws

from email_router.core.activity import Record
from email_router.core.errors import TryLater
from email_router.core.sending import SendOutcome, SendResult
from tests.cloud import Place, Stores, aws_stores, clients, make_place
from tests.faults.troubled_mailboxes import refuse
from tests.flows.house import ANN, NOW, House, mail
from tests.flows.office import Office

ERIN = "erin@fabrikam.example"
LONG_TEXT = " ".join(f"{number * 7919 % 10007:x}" for number in range(2500))
"""More than a row holds, compressed: the body lies in the bucket."""
REFUSED = "refused at first"
MAILS = (
    mail(1, subject="An order"),
    mail(2, subject="Re: An order", extra="In-Reply-To: <m1@fabrikam.example>\r\n"),
    mail(3, subject="A long one", text=LONG_TEXT),
    mail(4, subject=REFUSED),
    mail(5, subject="The last"),
)
"""What lies in the mailbox when the earlier version stops."""
REPLACED = ("TRACE#", "RETRY#", "#TOKEN#", "#THREAD#")
"""Rows of one decision, one try, or the newest e-mail: another one takes the whole row's place, with what it did not know."""


def of_the_stores(room: House | Office, stores: Stores) -> None:
    """Let a house or an office remember in these stores instead of in memory."""
    for name in ("states", "ledger", "quarantine", "crm", "outgoing", "alerts", "blobs", "queues", "nudges"):
        setattr(room, name, getattr(stores, name))


def house_of(stores: Stores) -> House:
    """The incoming road."""
    house = House(*MAILS)
    of_the_stores(house, stores)
    return house


def office_of(stores: Stores) -> Office:
    """The outgoing road."""
    office = Office()
    of_the_stores(office, stores)
    return office


def play(stores: Stores) -> None:
    """Route five mails, one of which fails; die in another mailbox; send, defer, lose an answer, die while sending; leave an order."""
    stores.know(ERIN, Record("contact", "c-erin", "Erin"))
    house = house_of(stores)
    refuse(house, 4)
    for box in house.configuration.mailboxes:
        stores.states.schedule(box.address, 60, 900)
    house.route()
    lease = stores.states.lease(ANN, NOW, NOW + timedelta(seconds=330))
    assert lease is not None
    stores.states.begin(lease, "0")
    office = office_of(stores)
    office.sender.answers = [
        SendResult(outcome=SendOutcome.ACCEPTED, evidence="250 ok", provider_id="ses-1"),
        SendResult(outcome=SendOutcome.UNKNOWN, evidence="the line broke after the last dot"),
        TryLater("busy", kind="server_busy", mend="wait", shared=True),
    ]
    for number in (1, 2, 3, 4, 5):
        office.write(f"e{number}", f"Your order {number}")
    office.send("e1")
    office.send("e2")
    office.send("e3")
    office.sender.answers = [SystemExit("the process is gone")]
    try:
        office.send("e4")
    except SystemExit:
        stores.configurations.publish(house.configuration)
    office.collect()


def dump(place: Place) -> dict[str, Any]:
    """Everything that lies in tables, bucket and queues, as JSON."""
    given = place.clients
    rows = {
        name: [
            {key: _written(value) for key, value in item.items()}
            for page in given.dynamodb.get_paginator("scan").paginate(TableName=table)
            for item in page["Items"]
        ]
        for name, table in (("router", place.router), ("crm", place.crm))
    }
    blobs = {}
    for page in given.s3.get_paginator("list_objects_v2").paginate(Bucket=place.bucket):
        for one in page.get("Contents", []):
            body = given.s3.get_object(Bucket=place.bucket, Key=one["Key"])["Body"].read()
            blobs[one["Key"]] = base64.b64encode(body).decode()
    return {"rows": rows, "blobs": blobs, "orders": [body for _, body in place.bodies(place.outgoing_queue)]}


def load(place: Place, told: dict[str, Any]) -> None:
    """Put it into a place of no content; the orders stay with the caller."""
    for name, table in (("router", place.router), ("crm", place.crm)):
        for row in told["rows"][name]:
            item = {key: _read(value) for key, value in row.items()}
            place.clients.dynamodb.put_item(TableName=table, Item=item)
    for key, body in told["blobs"].items():
        place.clients.s3.put_object(Bucket=place.bucket, Key=key, Body=base64.b64decode(body))


def _written(value: Any) -> Any:
    """A value of DynamoDB in the words of JSON: bytes as base64."""
    ((kind, held),) = value.items()
    if kind == "B":
        return {"B": base64.b64encode(bytes(held)).decode()}
    if kind == "M":
        return {"M": {name: _written(one) for name, one in held.items()}}
    return {kind: [_written(one) for one in held] if kind == "L" else held}


def _read(value: Any) -> Any:
    ((kind, held),) = value.items()
    if kind == "B":
        return {"B": base64.b64decode(held)}
    if kind == "M":
        return {"M": {name: _read(one) for name, one in held.items()}}
    return {kind: [_read(one) for one in held] if kind == "L" else held}


def main() -> None:
    """Play it in AWS's memory of this process, and write what is left."""
    with mock_aws(), clients(None, "KEYS_ONLY") as given:
        place = make_place(given)
        play(aws_stores(place))
        told = dump(place)
    Path(sys.argv[1]).write_text(json.dumps(told, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
