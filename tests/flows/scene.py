"""An organisation whose both roads write into the real stores: mail of two customers, everything that it leaves behind, and all its bytes."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

from email_router.cli.erase import road_of
from email_router.cli.place import Place as Organisation
from email_router.core.activity import EmailActivity, EmailStatus, Note, Party, Record, Role
from email_router.core.alerts import Alert
from email_router.core.collect_pace import Pace, Taken
from email_router.core.flows.erase import Erase
from email_router.core.flows.outgoing import Outgoing
from email_router.core.flows.send_email import SendEmail
from email_router.core.mailbox import Direction, Profile
from email_router.core.parse import parse
from email_router.core.person import Person
from email_router.core.settings import Tracking
from email_router.core.subscriptions import Subscription
from email_router.core.work import OutgoingWork
from email_router.edge.connect.opened import opened
from email_router.edge.connect.values import Item, unpack_item
from email_router.edge.stores.circuits import DynamoCircuits
from email_router.edge.stores.collect_pace import DynamoCollectPace
from email_router.edge.stores.mailbox_passwords import KmsMailboxPasswords
from email_router.edge.stores.nudges import DynamoOutgoingNudges
from email_router.edge.stores.send_pace import DynamoSendPace
from email_router.edge.stores.suppressed import DynamoSuppressed
from email_router.wiring.environment import Environment
from email_router.wiring.services import GivenClients, Services
from tests.cloud import Place, aws_stores
from tests.faults.troubled_mailboxes import refuse
from tests.flows.house import ANN, NOW, SALES, House, mail
from tests.memory.sender import MemorySender

ERIN = "erin@fabrikam.example"
CARL = "carl@northwind.example"
ERINS_NAME = "Erin Example"
MARKER = "the blue bicycle has a flat tyre"
CARLS_WORDS = "forty crates of apples"
TIME = timedelta(seconds=240)


class Scene(House):
    """The house of the other tests, over the stores of AWS."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        place.clients.s3.put_bucket_versioning(Bucket=place.bucket, VersioningConfiguration={"Status": "Enabled"})
        self.place = place
        self.sender = MemorySender()
        stores = aws_stores(place)
        self.stores = stores
        self.states, self.ledger, self.quarantine = stores.states, stores.ledger, stores.quarantine
        self.outgoing, self.alerts, self.crm, self.blobs = stores.outgoing, stores.alerts, stores.crm, stores.blobs
        self.nudges = stores.nudges
        self.profile = Profile(name="in", direction=Direction.INCOMING, server="pop3", keep_raw=True)
        boxes = [replace(box, outgoing="out") for box in self.configuration.mailboxes]
        self.configuration = replace(
            self.configuration,
            tracking=Tracking(smart_matching=True),
            profiles=(self.profile, Profile(name="out", direction=Direction.OUTGOING, server="smtp")),
            mailboxes=tuple(boxes),
        )

    @property
    def services(self) -> Services:
        """The stores as the command line opens them."""
        place, given = self.place, self.place.clients
        environment = Environment(router_table=place.router, crm_table=place.crm, data_bucket=place.bucket)
        return Services(environment, GivenClients(given.dynamodb, given.s3, given.sqs, given.secrets))

    def publish(self) -> None:
        """Put the configuration into force, its mailboxes on the schedule and their users into the CRM."""
        self.stores.configurations.publish(self.configuration)
        for box in self.configuration.mailboxes:
            self.states.schedule(box.key, 60, 900)
            self.stores.know(box.address, Record(box.kind.value, f"id-of-{box.key}", box.key.partition("@")[0]))

    def road(self) -> Outgoing:
        """The outgoing road."""
        return self.outgoing_by(self.sender)

    def write(self, name: str, *to: str, text: str = "Thank you.", subject: str = "Your order") -> None:
        """Let the CRM hold an e-mail that waits to be sent."""
        names = {ERIN: ERINS_NAME, CARL: "Carl Carlson"}
        parties = (Party(Role.FROM, SALES, "Sales"), *(Party(Role.TO, one, names.get(one, "")) for one in to))
        email = EmailActivity(id=name, direction=Direction.OUTGOING, status=EmailStatus.PENDING, created=NOW)
        self.crm.create_outgoing(replace(email, subject=subject, text=text, parties=parties))

    def send(self, *names: str) -> None:
        """Send these."""
        SendEmail(self.road(), "request").send(OutgoingWork("contoso", "out", SALES, names), self.clock.now() + TIME)

    def activity_of(self, subject: str) -> EmailActivity:
        """Return the e-mail of this subject."""
        (found,) = [one for one in self.crm.emails() if one.subject == subject]
        return found


def long_text(seed: int, words: str) -> str:
    """Return a text that lies in the blob store, with these words in its midst."""
    chance = random.Random(seed)
    noise = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for _ in range(700)]
    return " ".join([*noise[:350], words, *noise[350:]])


def with_attachment(number: int, sender: str, subject: str, text: str, attachment: bytes, **fields: str) -> bytes:
    """Return a mail with an attachment."""
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = sender, fields.get("to", SALES), subject
    made["Date"] = f"Tue, 24 Nov 2026 11:{number:02d}:00 +0000"
    made["Message-ID"] = f"<m{number}@{sender.rpartition('@')[2].strip('>')}>"
    for name in ("Cc", "In-Reply-To"):
        if name in fields:
            made[name] = fields[name]
    made.set_content(text)
    made.add_attachment(attachment, maintype="application", subtype="octet-stream", filename="notes.bin")
    return made.as_bytes()


def play(place: Place) -> Scene:
    """Let everything happen that leaves something of Erin behind, and as much of Carl."""
    scene = Scene(place)
    scene.publish()
    scene.stores.know(ERIN, Record("contact", "c-erin", ERINS_NAME, ANN))
    scene.stores.know(CARL, Record("contact", "c-carl", "Carl Carlson"))
    erin, carl = f"{ERINS_NAME} <Erin@Fabrikam.example>", f"Carl Carlson <{CARL}>"
    for raw in (
        with_attachment(1, erin, "Bicycle", long_text(1, MARKER), b"the same file"),
        with_attachment(2, erin, "Bicycle again", f"Dear Sales, {MARKER}.", b"only Erin's file"),
        with_attachment(3, carl, "Apples", long_text(2, CARLS_WORDS), b"the same file"),
        with_attachment(
            4, carl, "Apples and bicycles", f"{ERINS_NAME} <{ERIN}> knows.", b"x", Cc=f"{erin}, Dora <dora@x.example>"
        ),
        mail(5, sender=erin, subject="Later", text=f"Try again, {MARKER}"),
        f"\x00\x01 {ERIN} \x00 {MARKER}".encode(),
        mail(7, sender=carl, subject="Greetings", text=CARLS_WORDS),
    ):
        scene.source.put(raw)
    refuse(scene, 5)
    scene.sources[ANN].put(mail(6, sender=erin, to=ANN, subject="Unwanted", text=MARKER))
    scene.route()
    scene.route(ANN)
    scene.write("to-erin", ERIN, text=f"We mend it: {MARKER}")
    scene.write("to-both", ERIN, CARL, text=f"Dear {ERINS_NAME}, dear Carl", subject="Market day")
    scene.write("to-carl", CARL, text=CARLS_WORDS)
    scene.write("long-to-both", ERIN, CARL, text=long_text(3, f"{ERINS_NAME} will see"), subject="At length")
    scene.send("to-erin", "to-both", "to-carl", "long-to-both")
    scene.write("waits", ERIN, text=f"Not sent yet: {MARKER}")
    scene.write("carl-waits", CARL)
    review = Alert(
        kind="for_review", about=ERIN, text=f"{ERIN} took no part", mend="Look.", at=NOW, messages=("<m1@x>",)
    )
    scene.alerts.raise_alert(review)
    scene.alerts.raise_alert(replace(review, about=CARL, text=f"{CARL} took no part"))
    scene.nudges.nudge(SALES, NOW)
    for subject in ("Bicycle", "Apples"):
        email = scene.activity_of(subject)
        scene.blobs.put(f"body/{email.id}.json", email.text.encode())
    return scene


def rows(place: Place) -> list[Item]:
    """Return every row of both tables, what lies compressed in them opened."""
    scans = [place.clients.dynamodb.scan(TableName=name) for name in (place.router, place.crm)]
    assert all("LastEvaluatedKey" not in scan for scan in scans)
    return [opened(unpack_item(item)) for scan in scans for item in scan["Items"]]


def blobs(place: Place) -> Mapping[str, bytes]:
    """Return every version of every object, by key and version."""
    listed = place.clients.s3.list_object_versions(Bucket=place.bucket)
    assert not listed["IsTruncated"]
    found = {}
    for one in listed.get("Versions", []):
        got = place.clients.s3.get_object(Bucket=place.bucket, Key=one["Key"], VersionId=one["VersionId"])
        found[f"{one['Key']}?{one['VersionId']}"] = got["Body"].read()
    return found


def texts(kept: Iterable[Item], stored: Mapping[str, bytes]) -> Iterator[str]:
    """Yield all that is kept, as text: rows, keys of blobs, and blobs as bytes, opened, and read as a mail."""
    for row in kept:
        yield _text(row)
        if "packed" in row:
            message = parse(row["packed"])
            yield _text([message.headers, message.text])
    for key, data in stored.items():
        message = parse(data)
        yield _text([key, data, opened({"whole": data}), message.headers, message.text, message.html])


def road(scene: Scene, address: str = ERIN, *, whole: bool = False) -> Erase:
    """Return what erases, by a clock that is an hour ahead: what S3 has stored is no news any more."""
    made = road_of(Organisation(scene.services, scene.configuration), Person(address), whole=whole)
    return replace(made, now=datetime.now(UTC) + timedelta(hours=1))


def remember_all(scene: Scene) -> None:
    """Let there be a row of every kind that the roads of a mail leave none of."""
    client, table = scene.place.clients.dynamodb, scene.place.router
    DynamoCircuits(client, table, "contoso").failed("mail.contoso.example", "0123456789ab", NOW)
    DynamoOutgoingNudges(client, table, "contoso").nudge(NOW)
    DynamoCollectPace(client, table, "contoso").save(Pace({SALES: (Taken(NOW, 1),)}, 0))
    DynamoSendPace(client, table).learned(14, None, 0, NOW)
    DynamoSuppressed(client, table, lambda: NOW).learn([ANN])
    KmsMailboxPasswords(client, table, "contoso", Closing).put(SALES, "password")
    scene.stores.subscriptions.save(Subscription(mailbox=SALES))
    scene.ledger.user_number(ANN)
    scene.ledger.next_counts(ANN, 1)
    scene.crm.note("to-carl", "k", Note(NOW, ANN, "told"))
    scene.crm.deactivate(f"id-of-{ANN}")


class Closing:
    """A KMS that closes nothing: what lies in the row is not what these tests look at."""

    def encrypt(self, **_: object) -> dict[str, bytes]:
        """Return some bytes."""
        return {"CiphertextBlob": b"closed"}

    def decrypt(self, **_: object) -> dict[str, bytes]:
        """Return the same for all."""
        return {"Plaintext": b"password"}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, Mapping):
        return " ".join(_text(one) for one in (*value.keys(), *value.values()))
    if isinstance(value, list | tuple | frozenset):
        return " ".join(_text(one) for one in value)
    return str(value)
