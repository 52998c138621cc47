"""Where one organisation's rows and objects lie, for those who go through all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from email_router.core.ports import BlobStore
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.transactions import Place
from email_router.edge.connect.values import Item, Value
from email_router.edge.stores.all_objects import AllObjects
from email_router.edge.stores.all_rows import AllRows
from email_router.wiring.services import Services


class Rows(Protocol):
    """The rows of one table; edge/stores/all_rows.py says what each call promises."""

    def scan(self) -> Iterator[Item]:
        """Yield every row."""

    def partition(self, pk: str, start: str = "") -> Iterator[Item]:
        """Yield the rows of a partition, in order."""

    def get(self, place: Place) -> Item | None:
        """Return one row, or None."""

    def several(self, places: Iterable[Place]) -> Mapping[Place, Item]:
        """Return those that stand."""

    def add(self, item: Mapping[str, Value]) -> None:
        """Write a row where none stands; raises ConditionFailed."""

    def change(self, place: Place, fields: Mapping[str, Value], guard: Mapping[str, Value]) -> None:
        """Set fields while others are still as they were seen; raises ConditionFailed."""


class Objects(Protocol):
    """The objects of the bucket, by the blob store's keys."""

    def listed(self) -> Iterator[str]:
        """Yield every key that a row may name."""

    def pieces(self, key: str) -> Iterator[bytes]:
        """Yield an object's bytes; raises KeyError."""

    def holds(self, key: str) -> bool:
        """Tell whether the object is there."""


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that a backup reads and a restore writes, but the secrets."""

    organisation: str
    router: Rows
    crm: Rows
    objects: Objects
    blobs: BlobStore

    @property
    def keys(self) -> Keys:
        """The keys of the organisation's rows."""
        return Keys(self.organisation)


def stores_of(services: Services, organisation: str) -> Stores:
    """Return the stores of an organisation in a stack."""
    environment, clients = services.environment, services.clients
    return Stores(
        organisation,
        AllRows(clients.dynamodb, environment.router_table, organisation),
        AllRows(clients.dynamodb, environment.crm_table, organisation),
        AllObjects(clients.s3, environment.data_bucket, organisation),
        services.blobs(organisation),
    )
