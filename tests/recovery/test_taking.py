"""What a backup takes, while the stack goes on and when it is asked for secrets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from email_router.cli.recovery.archive import Archive, key_of
from email_router.cli.recovery.archiving import ArchiveWriter, created
from email_router.cli.recovery.merging import Outcome, Wishes
from email_router.cli.recovery.records import MAILBOX_ROW
from email_router.cli.recovery.secrets_back import put_secrets_back
from email_router.core.restoring import CursorRuling
from tests.cloud import Clients
from tests.flows.house import NOW, SALES, mail
from tests.recovery.world import PASSPHRASE, Kept, World, empty


class Interrupting(ArchiveWriter):
    """A file that is being written while the stack goes on: once the mailboxes were read, `work` is done."""

    work: Any = None

    def row(self, kind: bytes, item: Any) -> None:
        if kind != MAILBOX_ROW and self.work is not None:
            work, self.work = self.work, None
            work()
        super().row(kind, item)


def test_a_backup_that_is_taken_while_mail_comes_loses_none(world: World, cloud: Clients, tmp_path: Path) -> None:
    """A position of the file has never passed what its ledger, or what waits in it, does not know."""

    def go_on() -> None:
        world.clock.advance(7_200)
        world.arrive(mail(5))
        world.route()
        assert world.stores.states.retries(SALES, None, 9) == []

    with created(tmp_path / "file", PASSPHRASE) as writer:
        interrupting = Interrupting(writer._sealed)
        interrupting.counts, interrupting.work = writer.counts, go_on
        world.backup(interrupting).take(NOW, with_secrets=False)
    new = world.elsewhere(empty(cloud))
    new.restore(tmp_path / "file")
    new.publish()
    new.clock.advance(7_200)
    new.route()

    assert interrupting.work is None
    assert new.emails().keys() == world.emails().keys()
    assert new.stores.states.retries(SALES, None, 9) == []


@pytest.mark.long
def test_mail_that_is_read_again_from_an_older_position_is_absorbed(world: World, kept: Kept) -> None:
    """The ruling is proven in tests/core/test_restoring.py, the road by the drill of a lost table."""
    world.clock.advance(7_200)
    world.arrive(mail(4))
    world.route()
    emails, position = world.emails().keys(), world.stores.states.read(SALES).position

    done = world.restore(kept.file, Wishes(cursors=True), at=world.clock.now())

    assert done.cursors[SALES] is CursorRuling.MOVED
    assert world.stores.states.read(SALES).position != position
    world.route()
    assert world.stores.states.read(SALES).position == position
    assert world.emails().keys() == emails


def test_secrets_are_in_no_file_and_in_no_stack_unless_somebody_asks(world: World, kept: Kept, tmp_path: Path) -> None:
    profiles = tuple(replace(one, secret="contoso/in") for one in world.configuration.profiles)
    world.configuration = replace(world.configuration, profiles=profiles)
    world.publish()
    missing = world.back_up(tmp_path / "missing", with_secrets=True)
    world.services.secrets.put("contoso/in", "a younger one")
    whole = world.back_up(tmp_path / "whole", with_secrets=True)

    archive = Archive(tmp_path / "whole", key_of(tmp_path / "whole", PASSPHRASE))
    again = put_secrets_back(world.services, "contoso", archive, passwords=True, dry=False)

    assert (missing.secrets_missing, kept.taken.secrets, whole.secrets) == (["contoso/in"], [], ["contoso/in"])
    assert again == {"contoso/in": Outcome.KEPT}
    archive = Archive(kept.file, key_of(kept.file, PASSPHRASE))
    assert put_secrets_back(world.services, "contoso", archive, passwords=True, dry=False) == {}
