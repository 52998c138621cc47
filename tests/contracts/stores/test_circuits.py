"""What the store of circuits promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

from datetime import timedelta

from email_router.core.circuits import AFTERMATH, Circuit, name_of
from email_router.core.errors import MailboxBlocked
from tests.cloud import Stores
from tests.contracts.stores.contents import ANN, NOW, SALES, later

PLACE = "incoming pop3 mail.contoso.example:995"
REFUSED = MailboxBlocked("the login was refused", kind="login_refused", mend="Set the password.")


class TestCircuits:
    def test_a_place_never_seen_has_a_closed_circuit(self, stores: Stores) -> None:
        assert stores.circuits.read(PLACE) == Circuit(place=PLACE)
        assert list(stores.circuits.all_open()) == []

    def test_failures_gather_and_the_circuit_opens_and_closes_once(self, stores: Stores) -> None:
        circuits = stores.circuits
        circuits.failed(PLACE, name_of(ANN), NOW)
        seen = circuits.failed(PLACE, name_of(SALES), later(5))
        assert seen.failing == {name_of(ANN): NOW, name_of(SALES): later(5)}
        assert (seen.failed, seen.opened) == (later(5), None)

        assert [circuits.open(seen, REFUSED, later(5)), circuits.open(seen, REFUSED, later(6))] == [True, False]
        (standing,) = circuits.all_open()
        assert standing == circuits.read(PLACE)
        assert (standing.opened, standing.kind, standing.mend) == (later(5), "login_refused", "Set the password.")
        assert circuits.failed(PLACE, "", later(9)).failed == later(9)

        assert [circuits.close(standing, later(20)), circuits.close(standing, later(21))] == [True, False]
        closed = circuits.read(PLACE)
        assert (closed.opened, closed.closed) == (None, later(20))
        assert set(closed.failing) == {name_of(ANN), name_of(SALES)}
        assert list(circuits.all_open()) == []

    def test_opening_forgets_who_failed_long_ago(self, stores: Stores) -> None:
        late = NOW + AFTERMATH + timedelta(seconds=1)
        stores.circuits.failed(PLACE, name_of(ANN), NOW)
        seen = stores.circuits.failed(PLACE, name_of(SALES), late)

        assert stores.circuits.open(seen, REFUSED, late)

        assert set(stores.circuits.read(PLACE).failing) == {name_of(SALES)}

    def test_a_circuit_that_lapsed_opens_anew(self, stores: Stores) -> None:
        first = stores.circuits.failed(PLACE, name_of(ANN), NOW)
        stores.circuits.open(first, REFUSED, NOW)
        lapsed = stores.circuits.failed(PLACE, name_of(ANN), later(3600))

        assert stores.circuits.open(lapsed, REFUSED, later(3600))
        assert stores.circuits.read(PLACE).opened == later(3600)
