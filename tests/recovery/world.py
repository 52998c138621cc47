"""An organisation whose two roads run on real stores, with backups of it and stacks to restore them into."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.recovery.archive import Archive, key_of
from email_router.cli.recovery.archiving import ArchiveWriter, created
from email_router.cli.recovery.keys import FileKey, Passphrase
from email_router.cli.recovery.merging import Wishes
from email_router.cli.recovery.putting_back import Restored, put_back
from email_router.cli.recovery.taking import Backup, Taken
from email_router.core.activity import EmailActivity, Record
from email_router.core.alerts import Alert
from email_router.core.errors import MessageRefused
from email_router.core.grouping import groups
from email_router.core.mailbox import Direction, Profile
from email_router.edge.connect.dynamodb import Table
from email_router.edge.connect.values import Item, pack_item, unpack_item
from email_router.edge.crm.builtin_records import AddressedRecord
from email_router.wiring.environment import Environment
from email_router.wiring.services import GivenClients, Services
from tests.cloud import Clients, Place, Stores, aws_stores, make_place
from tests.flows.house import NOW, SALES, House, mail
from tests.flows.office import Office
from tests.flows.parts import Parts

Rows = dict[tuple[str, str, str], Item]
"""Rows by table, pk and sk."""

PASSPHRASE = Passphrase("correct horse battery", cost=16)
LATER = timedelta(hours=1)
NOTHING = Wishes()


class World(House):
    """A house on real stores, and the office that sends from the same mailbox."""

    def __init__(self, place: Place, *messages: bytes, **mailbox: Any) -> None:
        super().__init__(*messages, **mailbox)
        self.place = place
        self.stores = aws_stores(place)
        self.services = services(place)
        self.office = Office()
        for parts in (self, self.office):
            use(parts, self.stores)
        self.office.clock = self.clock
        sending = Profile(name="out", direction=Direction.OUTGOING, server="smtp")
        boxes = tuple(
            replace(box, outgoing="out") if box.address == SALES else box for box in self.configuration.mailboxes
        )
        self.configuration = replace(
            self.configuration, profiles=(*self.configuration.profiles, sending), mailboxes=boxes
        )
        self.office.configuration = self.configuration

    def elsewhere(self, place: Place) -> World:
        """Return the same organisation, with the same mail on its servers, on other stores."""
        other = World(place)
        other.sources, other.clock, other.office.clock = self.sources, self.clock, self.clock
        other.office.sender = self.office.sender
        return other

    def publish(self) -> int:
        """Put the configuration into force, and its mailboxes on the schedule."""
        version = self.services.configurations.publish(self.configuration)
        for box in self.configuration.mailboxes:
            if box.incoming:
                self.stores.states.schedule(box.key, 60, 900)
        return version

    def arrive(self, raw: bytes) -> None:
        """Let a mail come to sales@."""
        self.source.put(raw)

    def emails(self) -> dict[str, EmailActivity]:
        """The activities of the CRM by id."""
        return {one.id: one for one in self.stores.crm.emails()}

    def back_up(self, path: Path, key: FileKey = PASSPHRASE, *, with_secrets: bool = False) -> Taken:
        """Take a backup of what is in force."""
        with created(path, key) as writer:
            return self.backup(writer).take(self.clock.now(), with_secrets=with_secrets)

    def backup(self, writer: ArchiveWriter) -> Backup:
        """A backup that is about to be taken."""
        published = self.services.configurations.published("contoso")
        return Backup(self.services, published, writer, lambda _text: None)

    def restore(
        self,
        path: Path,
        wishes: Wishes = NOTHING,
        *,
        key: FileKey = PASSPHRASE,
        at: datetime | None = None,
        dry: bool = False,
    ) -> Restored:
        """Put a backup back, an hour later where no moment is given."""
        archive = Archive(path, key_of(path, key))
        return put_back(self.services, archive, wishes, at or self.clock.now() + LATER, dry=dry)

    def rows(self) -> Rows:
        """Everything that lies in the two tables."""
        return {
            (name, item["pk"], item["sk"]): item
            for name, table in (("router", self.place.router), ("crm", self.place.crm))
            for item in everything(self.place, table)
        }

    def objects(self) -> dict[str, bytes]:
        """Everything that lies in the bucket."""
        s3 = self.place.clients.s3
        listed = s3.list_objects_v2(Bucket=self.place.bucket).get("Contents", [])
        return {one["Key"]: s3.get_object(Bucket=self.place.bucket, Key=one["Key"])["Body"].read() for one in listed}

    def table(self) -> Table:
        """The table router, to change a row by hand."""
        return Table(self.place.clients.dynamodb, self.place.router)


@dataclass(frozen=True, slots=True)
class Kept:
    """What lay in the stores of an organisation at work, the mail on its server, and the file of its backup."""

    rows: Rows
    objects: dict[str, bytes]
    messages: tuple[bytes, ...]
    file: Path
    taken: Taken


class Dead(BaseException):
    """The process ends."""


def at_work(given: Clients, file: Path) -> Kept:
    """Let an organisation work: mail read, a message that waits for another try, e-mails in every state, records, numbers, an alert."""
    attachment = b"--x\r\nContent-Disposition: attachment; filename=a.bin\r\n\r\n12345\r\n--x--\r\n"
    body = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nHello\r\n" + attachment
    world = World(make_place(given), mail(1).partition(b"MIME-Version")[0] + body)
    world.publish()
    world.route()
    for name in ("sent", "waits", "begun"):
        world.office.write(name)
    world.office.send("sent")
    world.office.sender.answers = [Dead()]
    with pytest.raises(Dead):
        world.office.send("begun")
    fail_once(world, mail(2))
    alert = Alert(kind="sender_blocked", about="out", text="x", mend="y", at=NOW, messages=("waits",))
    world.stores.alerts.raise_alert(alert)
    world.stores.ledger.user_number("ann")
    world.stores.ledger.next_counts("ann", 7)
    world.stores.crm.import_records([AddressedRecord("erin@fabrikam.example", Record("contact", "erin", "Erin"))])
    taken = world.back_up(file)
    there = [raw for raw in world.source.messages if raw is not None]
    return Kept(world.rows(), world.objects(), tuple(there), file, taken)


def fail_once(world: World, raw: bytes) -> None:
    """Let a message come that the CRM does not take this time."""
    world.arrive(raw)
    deliver = world.crm.deliver
    world.crm.deliver = refusing  # type: ignore[assignment]  # for one pass
    world.route()
    world.crm.deliver = deliver  # type: ignore[method-assign]  # as it was
    assert len(world.stores.states.retries(SALES, None, 9)) == 1


def refusing(*_given: object) -> Any:
    raise MessageRefused("the CRM does not take it", kind="refused")


def copied(given: Clients, kept: Kept) -> World:
    """Return the organisation on stores of its own, which hold what was kept."""
    world = World(make_place(given), *kept.messages)
    fill(world, kept.rows)
    for key, raw in kept.objects.items():
        given.s3.put_object(Bucket=world.place.bucket, Key=key, Body=raw)
    return world


def fill(world: World, rows: Rows) -> None:
    """Let these rows stand, as in a table that was restored to a point in time."""
    puts: list[Any] = [
        (getattr(world.place, name), {"PutRequest": {"Item": pack_item(row)}}) for (name, _, _), row in rows.items()
    ]
    for group in groups(puts, 25):
        request: dict[str, Any] = {}
        for table, put in group:
            request.setdefault(table, []).append(put)
        world.place.clients.dynamodb.batch_write_item(RequestItems=request)


def services(place: Place) -> Services:
    """The services of a place, as a command has them."""
    environment = Environment(
        router_table=place.router,
        crm_table=place.crm,
        data_bucket=place.bucket,
        secret_prefix=place.prefix,
        config_update_period=0,
    )
    clients = place.clients
    return Services(environment, GivenClients(clients.dynamodb, clients.s3, clients.sqs, clients.secrets))


def use(parts: Parts, stores: Stores) -> None:
    """Let a road remember in these stores."""
    for name in ("states", "ledger", "crm", "quarantine", "outgoing", "alerts", "blobs"):
        setattr(parts, name, getattr(stores, name))


def empty(given: Clients, **kept: str) -> Place:
    """Return fresh tables and a fresh bucket; those that are named in `kept` are of another place."""
    return replace(make_place(given), **kept)  # type: ignore[arg-type]  # fields by name


def everything(place: Place, table: str) -> list[Item]:
    pages = place.clients.dynamodb.get_paginator("scan").paginate(TableName=table)
    return [unpack_item(item) for page in pages for item in page["Items"]]
