"""`email-router backup` and `restore` as a person gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import typer

from email_router.cli import backup as backup_command
from email_router.cli import deployed
from email_router.cli import restore as restore_command
from email_router.cli.backend import Backend
from email_router.cli.backup import backup
from email_router.cli.export_tables import export_tables
from email_router.cli.recovery import locking
from email_router.cli.recovery.keys import Passphrase
from email_router.cli.restore import restore
from email_router.core.errors import ConfigurationError
from email_router.edge.connect import aws
from tests.cli.example import VARIABLES, write_example
from tests.cli.running import Ran, run
from tests.cloud import Clients, Place
from tests.flows.house import SALES
from tests.recovery.world import World, empty

Opening = Callable[[World], None]


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Opening:
    """Lets the commands work on a world's stores, as they would on a stack's; and a passphrase stands in the environment."""
    monkeypatch.setenv(locking.VARIABLE, "correct horse battery")
    monkeypatch.setattr(locking, "Passphrase", lambda text: Passphrase(text, cost=16))

    def on(world: World) -> None:
        opened = _opened(world)
        monkeypatch.setattr(backup_command, "opened", opened)
        monkeypatch.setattr(restore_command, "opened_for_change", opened)

    return on


def _opened(world: World) -> Callable[[Path, str], AbstractContextManager[Backend]]:
    @contextmanager
    def opened(_state: Path, _stack: str) -> Iterator[Backend]:
        yield Backend(world.services, lambda: None, lambda _: {})

    return opened


def test_a_backup_is_taken_shown_and_put_back_elsewhere(
    world: World, cloud: Clients, opening: Opening, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opening(world)
    backup(tmp_path / "file", json=True)
    taken = json.loads(capsys.readouterr().out)
    new = world.elsewhere(empty(cloud))
    opening(new)
    restore(tmp_path / "file", dry_run=True)
    shown = capsys.readouterr()
    restore(tmp_path / "file", configuration=True, stack="new", json=True)
    done = json.loads(capsys.readouterr().out)

    assert (taken["organisation"], taken["version"], taken["secrets"]) == ("contoso", 1, [])
    assert taken["bytes"] == (tmp_path / "file").stat().st_size
    assert taken["rows"]["mailbox"] == 2
    assert re.search(r"contoso, backup of \S+ \S+ UTC, dry run", shown.out)
    assert "2 e-mails may have left since the backup and are held as unknown" in shown.err
    assert (done["version"], done["dry_run"], done["cursors"][SALES], done["missing"]) == (2, False, "set", [])
    assert done["rows"]["claim"] == {"added": 3, "changed": 0, "present": 0, "kept": 0, "skipped": 0}
    assert new.services.configurations.current("contoso").mailboxes == world.configuration.mailboxes
    assert {one.mailbox for one in new.stores.schedule.mailboxes()} == {SALES, "ann@contoso.example"}


def test_what_cannot_be_written_or_read_is_told(
    world: World, opening: Opening, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opening(world)
    with pytest.raises(typer.Exit) as unwritable:
        backup(tmp_path / "no such folder" / "file")
    with pytest.raises(typer.Exit) as unreadable:
        restore(tmp_path / "nothing")
    told = capsys.readouterr().err
    (tmp_path / "other").write_text("something else")
    with pytest.raises(ConfigurationError, match="expected a backup"):
        restore(tmp_path / "other")

    assert (unwritable.value.exit_code, unreadable.value.exit_code) == (1, 1)
    assert "cannot be written" in told
    assert "cannot be read" in told


@pytest.mark.long
def test_a_folder_of_state_is_backed_up_and_put_back_into_another(tmp_path: Path) -> None:
    """Through the command itself, and the stack in the emulator; the parts are proven by the tests above."""
    write_example(tmp_path)

    def command(*arguments: str) -> Ran:
        return run(*arguments, folder=tmp_path, variables={**VARIABLES, locking.VARIABLE: "correct horse battery"})

    assert command("publish", "router.toml", "--state", "one").code == 0
    assert command("backup", "file", "--state", "one").code == 0
    told = command("restore", "file", "--state", "two", "--configuration", "--json")

    assert told.code == 0, told.err
    assert told.json["version"] == 2
    one, two = (command("show", "--json", "--state", name).json for name in ("one", "two"))
    assert {**one, "version": 2} == two
    assert command("restore", "file", "--state", "two", "--json").json["version"] is None
    assert command("backup", "file", "--state", "one").code == 2


@pytest.fixture
def recoverable(cloud: Clients, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Tables in memory with point-in-time recovery, and a stack whose outputs name them."""
    place = empty(cloud)
    for name in (place.router, place.crm):
        place.clients.dynamodb.update_continuous_backups(
            TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    told = {
        "RouterTableName": place.router,
        "CrmTableName": place.crm,
        "DataBucketName": place.bucket,
        "MailboxQueueUrl": "",
        "OutgoingQueueUrl": "",
        "SecretPrefix": "",
    }
    monkeypatch.setattr(deployed, "outputs", lambda _stack: told)
    monkeypatch.setattr(aws, "dynamodb", lambda: place.clients.dynamodb)
    return place


def test_both_tables_are_exported_as_they_are(recoverable: Place, capsys: pytest.CaptureFixture[str]) -> None:
    export_tables(recoverable.bucket, stack="contoso", prefix="audit/", json=True)

    begun = json.loads(capsys.readouterr().out)["exports"]
    assert [(one["table"], one["to"]) for one in begun] == [
        (name, f"s3://{recoverable.bucket}/audit/{name}") for name in ("router", "crm")
    ]
    described = [recoverable.clients.dynamodb.describe_export(ExportArn=one["export"]) for one in begun]
    assert [one["ExportDescription"]["TableArn"].rpartition("/")[2] for one in described] == [
        recoverable.router,
        recoverable.crm,
    ]


def test_an_export_that_aws_refuses_is_told_with_what_it_wants(recoverable: Place) -> None:
    recoverable.clients.dynamodb.update_continuous_backups(
        TableName=recoverable.router, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False}
    )

    with pytest.raises(ConfigurationError, match=f"table {recoverable.router}: it is not exported: .*PointInTime"):
        export_tables(recoverable.bucket, stack="contoso")
