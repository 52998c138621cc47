"""What the quarantine promises, whether it keeps things in memory or in AWS."""

from __future__ import annotations

from tests.cloud import Stores
from tests.contracts.stores.contents import entry, later, lease_of


class TestQuarantine:
    def test_entries_come_newest_first_and_one_by_id(self, stores: Stores) -> None:
        lease = lease_of(stores)
        for one, holder in (
            (entry("q1", later(1)), lease),
            (entry("q2", later(2)), None),
            (entry("q1", later(1)), lease),
        ):
            stores.quarantine.add(one, holder)

        assert stores.quarantine.entries() == [entry("q2", later(2)), entry("q1", later(1))]
        assert stores.quarantine.get("q1") == entry("q1", later(1))

    def test_a_removed_entry_is_gone(self, stores: Stores) -> None:
        stores.quarantine.add(entry("q1"), None)

        stores.quarantine.remove("q1")
        stores.quarantine.remove("q1")

        assert (stores.quarantine.get("q1"), stores.quarantine.entries()) == (None, [])
