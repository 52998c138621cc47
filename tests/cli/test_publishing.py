"""What publishing a configuration writes, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from email_router.core.activity import Record
from email_router.core.ledger import KnownEmail, Link, LinkKind
from email_router.core.settings import Tracking
from email_router.core.topic import topic
from email_router.core.tracking_token import find_tokens
from email_router.edge.crm.builtin_records import AddressedRecord
from email_router.wiring.configuration import load
from email_router.wiring.publishing import PublishedVersion, publish
from tests.cli.example import EXAMPLE, VARIABLES, write_example
from tests.fakes import MemoryConfigurations, MemorySecrets
from tests.flows.house import NOW, House, mail

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
        return self.put_into_force(text).version

    def put_into_force(self, text: str) -> PublishedVersion:
        loaded = load(write_example(self.folder, text), VARIABLES)
        return publish(loaded, self.configurations, self.secrets, self.schedule, self.records)

    def tracking(self) -> Tracking:
        return self.configurations.current("contoso").tracking


def prefixed(prefix: str, more: str = "") -> str:
    return EXAMPLE.replace('prefix = "CRM:"', f'prefix = "{prefix}"\n{more}')


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


def test_a_reply_with_a_token_of_the_prefix_before_still_matches_after_another_was_published(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.publish(prefixed("OLD:"))
    house = House(mail(1, subject="Re: Broken pedal OLD:0001001"))
    about = topic("Broken pedal OLD:0001001", place.tracking())
    sent = KnownEmail(activity="sent", at=NOW, token="OLD:0001001", topic=about)
    house.ledger.link([Link(LinkKind.TOKEN, "OLD:0001001", sent)])

    place.publish(prefixed("CRM:"))
    house.configure(tracking=place.tracking())
    house.route()

    (reply,) = house.crm.activities.values()
    assert (reply.correlated, reply.correlation_method.value) == ("sent", "tracking_token")
    assert reply.flags == ()


def test_the_prefixes_of_earlier_versions_are_kept_newest_first(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for prefix in ("A:", "B:", "C:"):
        place.publish(prefixed(prefix, 'earlier_prefixes = ["Z:"]'))

    assert place.tracking().earlier_prefixes == ("Z:", "B:", "A:")
    assert place.publish(prefixed("C:")) == 3  # the file no longer names Z:, which is kept all the same
    assert place.tracking().earlier_prefixes == ("Z:", "B:", "A:")


def test_publishing_again_with_a_kept_prefix_makes_no_new_version(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.publish(prefixed("A:"))

    assert place.publish(prefixed("B:")) == 2
    assert place.publish(prefixed("B:")) == 2


def test_a_prefix_that_comes_back_is_no_earlier_one(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for prefix in ("A:", "B:", "A:"):
        place.publish(prefixed(prefix))

    assert place.tracking().prefix == "A:"
    assert place.tracking().earlier_prefixes == ("B:",)


def test_a_prefix_is_forgotten_on_purpose_only(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.publish(prefixed("A:"))
    place.publish(prefixed("B:"))

    place.publish(prefixed("B:", 'forgotten_prefixes = ["A:"]'))

    assert place.tracking().earlier_prefixes == ()
    assert find_tokens("Order A:0001001", place.tracking()) == ()
    place.publish(prefixed("B:"))
    assert place.tracking().earlier_prefixes == ()


def test_ten_earlier_prefixes_are_kept_and_the_publisher_is_told_of_the_eleventh(tmp_path: Path) -> None:
    place = Place(tmp_path)
    for number in range(11):
        told = place.put_into_force(prefixed(f"P{number}:"))

    assert place.tracking().earlier_prefixes == tuple(f"P{number}:" for number in range(9, -1, -1))
    assert told.warnings == (
        "the prefix was P9: and is P10: now; tokens of P9: are still found, until forgotten_prefixes names it",
    )

    told = place.put_into_force(prefixed("P11:"))

    assert place.tracking().earlier_prefixes == tuple(f"P{number}:" for number in range(10, 0, -1))
    assert told.warnings[1:] == ("tokens of P0: are found no more: at most 10 earlier prefixes are kept",)


def test_what_was_published_says_what_is_in_force(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.publish(prefixed("A:"))

    told = place.put_into_force(prefixed("B:"))

    assert told.configuration == place.configurations.current("contoso")
    assert told.configuration.tracking.earlier_prefixes == ("A:",)
