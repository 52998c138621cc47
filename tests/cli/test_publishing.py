"""What publishing a configuration writes, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from email_router.core.activity import Record
from email_router.edge.crm.builtin_records import AddressedRecord
from email_router.wiring.configuration import load
from email_router.wiring.publishing import publish
from tests.cli.example import EXAMPLE, VARIABLES, write_example
from tests.fakes import MemoryConfigurations, MemorySecrets

SECOND = '\n[[mailboxes]]\naddress = "ann@contoso.example"\nincoming = "pop3-in"\n'


class Records:
    def __init__(self) -> None:
        self.known: dict[str, Record] = {}

    def import_records(self, rows: Iterable[AddressedRecord]) -> int:
        found = list(rows)
        self.known.update({row.address: row.record for row in found})
        return len(found)


class Schedule:
    def __init__(self) -> None:
        self.polled: dict[str, tuple[int, int]] = {}

    def schedule(self, mailbox: str, minimum_interval: int, maximum_interval: int) -> None:
        self.polled[mailbox] = (minimum_interval, maximum_interval)

    def unschedule(self, mailbox: str) -> None:
        self.polled.pop(mailbox, None)


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configurations = MemoryConfigurations()
        self.secrets = MemorySecrets()
        self.schedule = Schedule()
        self.records = Records()

    def publish(self, text: str) -> int:
        loaded = load(write_example(self.folder, text), VARIABLES)
        return publish(loaded, self.configurations, self.secrets, self.schedule, self.records).version


def test_a_published_configuration_has_its_secrets_its_records_and_its_schedule(tmp_path: Path) -> None:
    place = Place(tmp_path)

    version = place.publish(EXAMPLE + SECOND)

    assert version == 1
    assert place.configurations.current("contoso").version == 1
    assert place.secrets.get("contoso/pop3-in") == "pop3-secret"
    assert place.schedule.polled == {"sales@contoso.example": (60, 900), "ann@contoso.example": (60, 900)}
    assert {address: record.kind for address, record in place.records.known.items()} == {
        "info@contoso.example": "queue",
        "sales@contoso.example": "queue",
        "ann@contoso.example": "user",
    }


def test_an_alias_leads_to_the_record_of_its_mailbox(tmp_path: Path) -> None:
    place = Place(tmp_path)

    place.publish(EXAMPLE)

    assert place.records.known["info@contoso.example"] == place.records.known["sales@contoso.example"]
    assert place.records.known["sales@contoso.example"].owner == "ann@contoso.example"


def test_a_mailbox_that_is_no_longer_configured_is_no_longer_polled(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.publish(EXAMPLE + SECOND)

    place.publish(EXAMPLE)

    assert list(place.schedule.polled) == ["sales@contoso.example"]


def test_a_forward_mailbox_is_polled_and_is_no_record(tmp_path: Path) -> None:
    place = Place(tmp_path)

    place.publish(EXAMPLE.replace('kind = "queue"', 'kind = "forward"'))

    assert list(place.schedule.polled) == ["sales@contoso.example"]
    assert place.records.known == {}


def test_publishing_the_same_again_makes_no_new_version(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.publish(EXAMPLE)
    place.secrets.texts.clear()

    again = place.publish(EXAMPLE.replace("base = 0", "base = 0  # a remark"))

    assert again == 1
    assert place.secrets.get("contoso/pop3-in") == "pop3-secret"
    assert place.publish(EXAMPLE.replace("base = 0", "base = 500")) == 2
