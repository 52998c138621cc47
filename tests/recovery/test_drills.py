"""The drills of docs/recovery.md: what an operator does after a loss, and what must be so then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from email_router.cli.recovery.merging import Outcome, Wishes
from email_router.core.activity import EmailStatus
from email_router.core.mailbox import Accept
from email_router.core.restoring import CursorRuling, RowKind
from tests.cloud import Clients
from tests.flows.house import SALES, mail
from tests.recovery.world import Kept, World, empty


@pytest.mark.parametrize("crm", ["lost", "stands"])
def test_a_table_is_lost_and_mail_that_is_fetched_again_makes_no_duplicate(world: World, kept: Kept, crm: str) -> None:
    world.arrive(mail(4))
    world.route()
    before = world.emails().keys()

    still = {} if crm == "lost" else {"crm": world.place.crm}
    new = world.elsewhere(empty(world.place.clients, bucket=world.place.bucket, **still))
    done = new.restore(kept.file)
    new.publish()
    passed = new.route()
    new.office.send("sent")

    assert done.cursors[SALES] is CursorRuling.SET
    assert (passed.handled, new.emails().keys()) == (1, before), (
        "what came after the backup is read again, and nothing else"
    )
    sent = new.stores.outgoing.get("sent")
    assert sent is not None
    assert sent.status is EmailStatus.SENT
    assert new.office.sender.sent == []


def test_an_object_is_lost_and_mended_where_the_file_has_it(world: World, kept: Kept) -> None:
    (lost,) = (key for key in kept.objects if key.startswith("attachment/"))
    world.place.clients.s3.delete_object(Bucket=world.place.bucket, Key=lost)

    shown = world.restore(kept.file, dry=True)
    assert lost not in world.objects()
    done = world.restore(kept.file)

    assert shown.objects[Outcome.ADDED] == done.objects[Outcome.ADDED] == 1
    assert (shown.missing, done.missing) == ((), ())
    assert world.objects() == kept.objects


def test_an_object_that_the_file_has_not_either_is_reported_with_its_row(
    world: World, kept: Kept, tmp_path: Path
) -> None:
    (lost,) = (key for key in kept.objects if key.startswith("attachment/"))
    world.place.clients.s3.delete_object(Bucket=world.place.bucket, Key=lost)
    world.back_up(tmp_path / "file")

    missing = world.restore(tmp_path / "file").missing

    assert {(one.kind, one.object.partition("/")[0]) for one in missing} == {(RowKind.EMAIL, "attachment")}
    assert all(one.row.startswith("ORG#contoso#") for one in missing)


def test_a_wrong_configuration_is_taken_back_as_a_version_of_its_own(world: World, kept: Kept) -> None:
    right = world.configuration
    wrong = tuple(replace(box, accept=Accept.NONE) for box in right.mailboxes)
    world.configuration = replace(right, mailboxes=wrong)
    assert world.publish() == 2

    done = world.restore(kept.file)

    assert world.services.configurations.current("contoso").mailboxes == wrong, "nobody asked for the file's"
    assert done.configuration is not None
    assert replace(done.configuration, version=0) == right
    assert world.services.configurations.publish(replace(done.configuration, version=0)) == 3


def test_the_region_is_moved(world: World, cloud: Clients, tmp_path: Path) -> None:
    """Another region has other tables, another bucket and other secrets; what waited is sent there, and only there."""
    world.services.secrets.put("contoso/in", "a password")
    profiles = tuple(replace(one, secret="contoso/in") for one in world.configuration.profiles)
    world.configuration = replace(world.configuration, profiles=profiles)
    world.publish()
    taken = world.back_up(tmp_path / "file", with_secrets=True)

    new = world.elsewhere(empty(cloud))
    done = new.restore(tmp_path / "file", Wishes(secrets=True, wait_on=True))
    assert done.configuration is not None
    new.configuration = replace(done.configuration, version=0)
    version = new.publish()
    due = new.office.collect()
    new.office.send("waits")
    new.route()

    assert (taken.secrets, done.secrets) == (["contoso/in"], {"contoso/in": Outcome.ADDED})
    assert new.services.secrets.get("contoso/in") == "a password"
    assert version == 3, "numbers of versions go on"
    assert new.services.configurations.version("contoso", 1).version == 1
    assert (done.held, due, len(new.office.sender.sent)) == (("begun",), 1, 1)
    assert new.emails().keys() == world.emails().keys()
    proof = new.route(reason="reconcile").proof
    assert proof is None or (proof.done, proof.picked_up) == (True, ())
    assert new.stores.states.read(SALES).suspected is False, "it was compared with the ledger as a whole"
