"""The scheduler finds open circuits of all organisations by one query, and no row of another organisation's."""

from __future__ import annotations

from email_router.core.circuits import name_of
from email_router.core.errors import TryLater
from email_router.edge.stores.circuits import DynamoCircuits, DynamoOpenCircuits
from tests.cloud import Place
from tests.contracts.stores.contents import ANN, NOW

AWAY = TryLater("no answer", shared=True)


def test_open_circuits_are_found_by_their_organisations(moto_place: Place) -> None:
    client, table = moto_place.clients.dynamodb, moto_place.router
    everybody = DynamoOpenCircuits(client, table)
    contoso, fabrikam = (DynamoCircuits(client, table, name) for name in ("contoso", "fabrikam"))
    for circuits in (contoso, fabrikam):
        for place in ("incoming imap a", "incoming imap b"):
            circuits.open(circuits.failed(place, name_of(ANN), NOW), AWAY, NOW)
    assert list(everybody.organisations()) == ["contoso", "fabrikam"]
    assert {one.place for one in contoso.all_open()} == {"incoming imap a", "incoming imap b"}

    for circuit in fabrikam.all_open():
        fabrikam.close(circuit, NOW)

    assert list(everybody.organisations()) == ["contoso"]
    assert fabrikam.all_open() == []
