"""A backup that is put back into stores that have moved on undoes nothing, however often and wherever it is broken off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from email_router.cli.recovery.archive import Archive, key_of
from email_router.cli.recovery.merging import Merging, Outcome, Wishes
from email_router.cli.recovery.putting_back import Restore, Restored
from email_router.cli.recovery.stores import Stores
from email_router.core.activity import EmailStatus
from email_router.core.restoring import CursorRuling, RowKind
from email_router.edge.connect import row_kinds
from email_router.edge.connect.backup_kinds import KINDS, kind_of
from email_router.edge.connect.compact import micros
from email_router.edge.connect.keys import Keys
from email_router.edge.connect.values import Item
from tests.flows.house import NOW, SALES
from tests.memory.rows import MemoryObjects, MemoryRows
from tests.recovery.world import LATER, PASSPHRASE, Dead, Kept, Rows

KEYS = Keys("contoso")
STATE = KEYS.mailbox(SALES), "STATE"
ANN = KEYS.own, "COUNTER#ann"


@dataclass
class Shelf:
    """Stores in memory that hold what was kept, or nothing."""

    router: MemoryRows
    crm: MemoryRows
    objects: MemoryObjects

    @classmethod
    def of(cls, rows: Rows, objects: Mapping[str, bytes]) -> Shelf:
        made = {
            name: MemoryRows(row for (table, _, _), row in rows.items() if table == name) for name in ("router", "crm")
        }
        return cls(made["router"], made["crm"], MemoryObjects({_name(key): raw for key, raw in objects.items()}))

    def restore(
        self, kept: Kept, wishes: Wishes | None = None, at: datetime = NOW + LATER, *, dry: bool = False
    ) -> Restored:
        stores = Stores("contoso", self.router, self.crm, self.objects, self.objects)
        archive = Archive(kept.file, key_of(kept.file, PASSPHRASE))
        return Restore(stores, archive, wishes or Wishes(), at, dry=dry).run()

    def everything(self) -> tuple[Any, Any, Any]:
        """A copy of all that lies there."""
        return ({**self.router.rows}, {**self.crm.rows}, {**self.objects.stored})

    def email(self, name: str) -> Item:
        return self.crm.rows[KEYS.email(name), "EMAIL"]

    def outgoing(self, name: str) -> Item:
        return self.router.rows[KEYS.outgoing(name), "STATE"]


def _name(key: str) -> str:
    kind, _, rest = key.partition("/")
    return f"{kind}/{rest.removeprefix('contoso/')}"


@pytest.fixture
def bare() -> Shelf:
    """Stores that hold nothing."""
    return Shelf.of({}, {})


@pytest.fixture
def stocked(kept: Kept) -> Shelf:
    """Stores that hold what the backup was taken of."""
    return Shelf.of(kept.rows, kept.objects)


def written(done: Restored) -> set[RowKind]:
    """The kinds of which anything was added or changed."""
    return {
        kind for (kind, outcome), count in done.rows.items() if count and outcome in {Outcome.ADDED, Outcome.CHANGED}
    }


def test_every_row_that_the_roads_write_is_of_a_known_kind(kept: Kept) -> None:
    kinds = {kind_of(KEYS, pk, sk) for _, pk, sk in kept.rows if pk != "ORGS"}

    assert kinds >= {
        *(RowKind.POINTER, RowKind.VERSION, RowKind.USER_NUMBER, RowKind.COUNTER, RowKind.MAILBOX, RowKind.RETRY),
        *(RowKind.CLAIM, RowKind.RECEIPT, RowKind.TRACE, RowKind.LINK, RowKind.OUTGOING, RowKind.COMPOSED),
        *(RowKind.ALERT, RowKind.EMAIL, RowKind.RECORD, RowKind.ADDRESS),
    }
    assert (RowKind.UNKNOWN in kinds, dict(kept.taken.unknown)) == (False, {})


def test_every_kind_of_row_that_is_kept_is_known_to_a_backup() -> None:
    listed = {
        (one.pk, word.partition("#")[0]) for one in (*row_kinds.ROUTER, *row_kinds.CRM) for word in _words(one.sk)
    }

    known = {part if word == "*" else (part, word) for part, word in KINDS}
    assert {one for one in listed if one not in known and one[0] not in known} == set()


def _words(pattern: str) -> list[str]:
    """The first words of the sort keys that a pattern stands for."""
    return pattern.replace("(", "").replace(")", "").split("|")


def test_all_comes_back_into_empty_stores_but_leases_and_the_schedule(bare: Shelf, kept: Kept) -> None:
    done = bare.restore(kept, Wishes(wait_on=True))

    before = {(pk, sk): row for (_, pk, sk), row in kept.rows.items()}
    after = {**bare.router.rows, **bare.crm.rows}
    not_back = before.keys() - after.keys()
    other = {place for place in after if after[place] != before[place]}
    assert {pk for pk, _ in not_back} == {"ORGS", KEYS.mailbox("ann@contoso.example")}, (
        "what was never read has no position"
    )
    assert other == {(KEYS.own, "ORG"), STATE, (KEYS.outgoing("begun"), "STATE"), (KEYS.email("begun"), "EMAIL")}
    assert after[KEYS.own, "ORG"] == {"pk": KEYS.own, "sk": "ORG", "last": 1}, (
        "nothing is in force before it is published"
    )
    names = {"cursor", "mark", "last_mail", "position_saved", "next_retry", "suspected", "token"}
    assert after[STATE].keys() == {"pk", "sk", *names}
    assert done.cursors[SALES] is CursorRuling.SET
    assert bare.objects.stored == Shelf.of({}, kept.objects).objects.stored


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing(bare: Shelf, kept: Kept) -> None:
    shown = bare.restore(kept, dry=True)

    assert bare.everything() == ({}, {}, {})
    done = bare.restore(kept)
    assert done == shown
    assert done.rows[RowKind.CLAIM, Outcome.ADDED] == kept.taken.rows[RowKind.CLAIM]


@pytest.mark.parametrize("last", range(0, 60, 8))
def test_a_restore_that_was_broken_off_is_made_whole_by_the_next_and_the_one_after_changes_nothing(
    bare: Shelf, kept: Kept, last: int
) -> None:
    whole = Shelf.of({}, {})
    whole.restore(kept)
    for table in (bare.router, bare.crm):
        table.dies, table.last = Dead(), last
    broken = last < max(whole.router.writes, whole.crm.writes)
    if broken:
        with pytest.raises(Dead):
            bare.restore(kept)
    bare.router.dies = bare.crm.dies = None

    bare.restore(kept)

    assert bare.everything() == whole.everything()
    again = bare.restore(kept)
    assert (written(again), again.objects[Outcome.ADDED], again.cursors[SALES]) == (set(), 0, CursorRuling.SAME)
    assert bare.everything() == whole.everything()


def test_what_stands_in_stores_that_have_moved_on_stays_as_it_is(stocked: Shelf, kept: Kept) -> None:
    state = stocked.router.rows[STATE]
    state |= {"cursor": b"9", "mark": "9", "token": state["token"] + 4, "position_saved": state["position_saved"] + 1}
    gone = [place for place in stocked.router.rows if place[1].startswith("RETRY#")]
    claim = next(row for row in stocked.router.rows.values() if row["sk"] == "CLAIM" and "key" in row)
    del stocked.router.rows[gone[0]], state["next_retry"]
    claim |= {"activity": "another", "mailbox": "ann@contoso.example"}
    stocked.router.rows[ANN]["last"] += 50
    stocked.router.rows[KEYS.own, "ORG"] |= {"last": 9, "current": 9}
    for name in ("waits", "begun"):
        stocked.email(name)["status"] = "sent"
    stocked.outgoing("begun").update(status="sent", changed=micros(NOW + LATER))
    before = stocked.everything()

    done = stocked.restore(kept)

    assert stocked.everything() == before
    assert (written(done), done.held, done.cursors[SALES]) == (set(), (), CursorRuling.KEPT)
    assert done.rows[RowKind.RETRY, Outcome.SKIPPED] == 1
    assert done.rows[RowKind.CLAIM, Outcome.KEPT] == 1


def test_of_a_claim_what_it_lacks_is_filled_in_and_nothing_is_changed(stocked: Shelf, kept: Kept) -> None:
    whole = {place: dict(row) for place, row in stocked.router.rows.items()}
    one = next(row for row in stocked.router.rows.values() if row["sk"] == "CLAIM" and {"key", "email"} <= row.keys())
    place = one["pk"], one["sk"]
    for lacking in ({"email"}, set(one) - {"pk", "sk", "email"}):
        stocked.router.rows[place] = {name: value for name, value in whole[place].items() if name not in lacking}

        done = stocked.restore(kept)

        assert stocked.router.rows[place] == whole[place]
        assert done.rows[RowKind.CLAIM, Outcome.CHANGED] == 1


def test_numbers_are_raised_and_never_lowered(bare: Shelf, kept: Kept) -> None:
    bare.router.add({"pk": ANN[0], "sk": ANN[1], "last": 3, "digits": 8})
    bare.router.add({"pk": KEYS.own, "sk": "USERNUMBERS", "last": 99})

    bare.restore(kept)

    assert bare.router.rows[ANN] == {"pk": ANN[0], "sk": ANN[1], "last": 7, "digits": 8}
    assert bare.router.rows[KEYS.own, "USERNUMBERS"]["last"] == 99


def test_versions_of_another_history_are_not_mixed(bare: Shelf, kept: Kept) -> None:
    start = f"CONFIGURATION#{1:08d}#"
    bare.router.add({"pk": KEYS.own, "sk": f"{start}000", "part": b"another"})

    done = bare.restore(kept)

    parts = {sk: row["part"] for (_, sk), row in bare.router.rows.items() if sk.startswith(start)}
    assert parts == {f"{start}000": b"another"}
    assert done.rows[RowKind.VERSION, Outcome.KEPT] == 1
    assert done.configuration is not None


def test_the_later_version_of_a_record_stands(stocked: Shelf, kept: Kept) -> None:
    place = next(place for place in stocked.crm.rows if place[1] == "RECORD")
    mine = dict(stocked.crm.rows[place])
    stocked.crm.rows[place] |= {"version": mine["version"] + 1, "address": "new@fabrikam.example"}
    stocked.restore(kept)
    assert stocked.crm.rows[place]["address"] == "new@fabrikam.example"

    stocked.crm.rows[place] |= {"version": mine["version"] - 1, "state": "inactive"}
    stocked.restore(kept)
    assert stocked.crm.rows[place] == mine


@pytest.mark.parametrize(("wait_on", "held"), [(False, ("begun", "waits")), (True, ("begun",))])
def test_what_may_have_left_is_held_as_unknown_and_waits_for_a_person(
    bare: Shelf, kept: Kept, wait_on: bool, held: tuple[str, ...]
) -> None:
    done = bare.restore(kept, Wishes(wait_on=wait_on))

    assert done.held == held
    for name in ("begun", "waits"):
        status = EmailStatus.UNKNOWN if name in held else EmailStatus.PENDING
        email = bare.email(name)
        assert (email["status"], "ppk" in email) == (status.value, name not in held)
    begun = bare.outgoing("begun")
    assert (begun["status"], begun["history"][-1]["status"]) == ("unknown", "unknown")
    assert "restored from the backup of 2026-11-24 12:00 UTC" in begun["reason"]
    assert bare.outgoing("sent")["status"] == "sent"
    assert bare.email("sent")["status"] == "sent"


def test_an_end_that_the_file_knows_wins_over_tables_of_an_earlier_moment(stocked: Shelf, kept: Kept) -> None:
    """Point-in-time recovery to a moment at which it waited, and the younger file on top."""
    sent = dict(stocked.outgoing("sent"))
    stocked.outgoing("sent").update(status="pending", changed=sent["changed"] - 1, due=5, history=[])

    done = stocked.restore(kept)

    assert stocked.outgoing("sent") == sent
    assert done.rows[RowKind.OUTGOING, Outcome.CHANGED] == 1


def test_a_cancelled_e_mail_does_not_wait_again() -> None:
    cancelled = {"pk": "ORG#contoso#EMAIL#e", "sk": "EMAIL", "status": "cancelled", "id": "e"}
    waits = {**cancelled, "status": "pending", "ppk": "ORG#contoso#PENDING", "psk": "x"}

    merged = Merging(Wishes(), NOW, NOW).merge(RowKind.EMAIL, cancelled, waits)

    assert (merged.fields, merged.guard) == ({"status": "cancelled", "ppk": None, "psk": None}, {"status": "pending"})


def test_what_has_expired_stays_away() -> None:
    trace = {"pk": "ORG#contoso#MESSAGE#k", "sk": "TRACE#a", "expires": int(NOW.timestamp())}

    assert Merging(Wishes(), NOW, NOW).merge(RowKind.TRACE, trace, None).outcome is Outcome.SKIPPED
    assert Merging(Wishes(), NOW, NOW - LATER).merge(RowKind.TRACE, trace, None).outcome is Outcome.ADDED


@pytest.mark.parametrize(
    ("changes", "asked", "expected"),
    [
        ({"cursor": b"9", "token": 9}, False, CursorRuling.KEPT),
        ({"cursor": b"9", "token": 9}, True, CursorRuling.MOVED),
        ({"cursor": b"9", "token": 0, "position_saved": micros(NOW + LATER)}, True, CursorRuling.REFUSED),
        ({"cursor": b"9", "token": 9, "lease_until": micros(NOW + timedelta(days=1))}, True, CursorRuling.BUSY),
        ({"cursor": None, "mark": None, "token": 1}, False, CursorRuling.SET),
    ],
)
def test_a_position_goes_back_only_where_the_ledger_absorbs_it(
    stocked: Shelf, kept: Kept, changes: dict[str, Any], asked: bool, expected: CursorRuling
) -> None:
    mine = dict(stocked.router.rows[STATE])
    standing = {**mine, **changes}
    stocked.router.rows[STATE] = {name: value for name, value in standing.items() if value is not None}
    before = dict(stocked.router.rows[STATE])

    done = stocked.restore(kept, Wishes(cursors=asked))

    assert done.cursors[SALES] is expected
    after = stocked.router.rows[STATE]
    if expected in {CursorRuling.MOVED, CursorRuling.SET}:
        assert (after["cursor"], after["mark"], after["suspected"]) == (mine["cursor"], mine["mark"], True)
        assert after["token"] > max(before["token"], mine["token"]), (
            "a worker that has seen the one before writes nothing"
        )
        assert "reconciled" not in after
    else:
        assert {**after, "next_retry": None} == {**before, "next_retry": None}
