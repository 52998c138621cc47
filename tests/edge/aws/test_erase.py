"""`erase` as a command, and who is more than an address: companies, merged contacts, former users."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from email_router.cli import erase as command
from email_router.cli.backend import Backend
from email_router.cli.kept_passwords import KeptPasswords
from email_router.cli.main import app
from email_router.cli.place import Place as Organisation
from email_router.core.activity import EmailStatus, Record
from email_router.core.erasing import Fate, Piece, Version
from email_router.core.errors import ConfigurationError, TryLater
from email_router.core.mailbox import Mailbox
from email_router.core.settings import Configuration
from email_router.core.write_back import WriteBack
from email_router.edge.stores.blob_versions import BlobVersions
from email_router.edge.stores.mailbox_passwords import KmsMailboxPasswords
from email_router.wiring.environment import Environment
from email_router.wiring.services import Services
from tests.cloud import Place
from tests.flows.house import ANN, NOW, SALES, mail
from tests.flows.scene import (
    CARL,
    CARLS_WORDS,
    ERIN,
    ERINS_NAME,
    Closing,
    Scene,
    blobs,
    road,
    rows,
    texts,
    with_attachment,
)

OLD = "old@fabrikam.example"


@pytest.fixture
def scene(moto_place: Place) -> Scene:
    """A house where little has happened: one mail of Erin with copy to Ann, whose contact she is."""
    made = Scene(moto_place)
    made.publish()
    made.stores.know(ERIN, Record("contact", "c-erin", ERINS_NAME, ANN))
    made.source.put(
        mail(1, sender=f"{ERINS_NAME} <{ERIN}>", text=CARLS_WORDS, subject="For Ann", extra=f"Cc: {ANN}\r\n")
    )
    made.route()
    return made


def kept(scene: Scene) -> str:
    return "\n".join(texts(rows(scene.place), blobs(scene.place))).casefold()


class Killed(Exception):
    """The command has died."""


def dying_after(steps: int) -> Callable[[Piece], bool]:
    """Return what does so many steps and dies before the next."""
    left = iter(range(steps))

    def act(piece: Piece) -> bool:
        if next(left, None) is None:
            raise Killed
        return piece.act()

    return act


def test_a_command_that_died_goes_on_and_merged_contacts_go_together_but_a_company_keeps_its_other_address(
    scene: Scene,
) -> None:
    scene.stores.know(ERIN, Record("account", "a-1", "Fabrikam"))
    scene.stores.know("office@fabrikam.example", Record("account", "a-1", "Fabrikam"))
    scene.stores.know(OLD, Record("contact", "c-old", "E. Example"))
    scene.crm.merge("c-old", "c-erin")
    seen = road(scene).look()

    for steps in (2, 6):
        with pytest.raises(Killed):
            road(scene)._go(dying_after(steps))
        assert all(one.id for one in scene.crm.emails())  # nobody who reads meets a gap
    road(scene).erase()

    assert seen.also == {OLD}
    assert road(scene).look().nothing
    assert scene.crm.resolve([ERIN, OLD]) == {}
    assert {one.record.id for one in scene.crm.records()} & {"c-erin", "c-old", "a-1"} == {"a-1"}
    assert [one.id for one in scene.crm.resolve(["office@fabrikam.example"])["office@fabrikam.example"]] == ["a-1"]
    assert [words for words in (ERIN, ERINS_NAME, "e. example", CARLS_WORDS) if words.casefold() in kept(scene)] == []


def test_a_former_user_goes_with_mailbox_and_password_and_customers_keep_their_e_mails(scene: Scene) -> None:
    scene.ledger.user_number(ANN)
    scene.ledger.next_counts(ANN, 1)
    scene.route(ANN)
    KmsMailboxPasswords(scene.place.clients.dynamodb, scene.place.router, "contoso", Closing).put(ANN, "password")
    left = tuple(replace(box, owner="") for box in scene.configuration.mailboxes if box.address != ANN)
    scene.configuration = replace(scene.configuration, mailboxes=left)
    scene.stores.configurations.publish(scene.configuration)

    done = road(scene, ANN).erase()

    assert not done.left
    assert ANN not in kept(scene)
    assert CARLS_WORDS in scene.activity_of("For Ann").text
    assert [one.record.owner for one in scene.crm.records() if one.record.id == "c-erin"] == [""]
    removed = done.counts[Fate.REMOVED]
    assert [removed[kind] for kind in ("published configuration", "mailbox state", "mailbox password")] == [1, 1, 1]
    assert done.counts[Fate.REPLACED]["mailboxes with a password"] == 1


@contextmanager
def commanding(scene: Scene) -> Iterator[Backend]:
    yield Backend(scene.services, lambda: None, lambda _: {})


def test_the_command_only_tells_until_it_is_told_yes_and_leaves_what_is_in_flight_or_just_stored(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "opened_for_change", lambda *_: commanding(scene))  # the cloud of this test
    where = ["--state", str(tmp_path)]
    KeptPasswords(tmp_path, "contoso").put(ERIN, "password")
    scene.source.put(mail(2, sender=f"Carl <{CARL}>", subject="All of us", extra=f"Cc: {ERIN}\r\n"))
    scene.source.put(mail(3, sender=f"Carl <{CARL}>", subject="Mine"))
    scene.source.put(with_attachment(4, f"Erin <{ERIN}>", "Notes", "Look.", b"only Erin's file"))
    scene.route()
    scene.write("flying", ERIN, text="In the air")
    scene.crm.write_back(WriteBack(activity="flying", status=EmailStatus.SENDING))
    before = rows(scene.place)

    looked = CliRunner().invoke(app, ["erase", f" {ERIN.upper()} ", *where, "--json"])
    assert looked.exit_code == 0, looked.exception
    shape = json.loads(looked.stdout)
    assert (shape["address"], shape["done"], shape["removed"]["e-mail"], shape["replaced"]["e-mail"]) == (
        ERIN,
        False,
        1,
        1,
    )
    assert rows(scene.place) == before

    done = CliRunner().invoke(app, ["erase", ERIN, *where, "--yes"])
    assert done.exit_code == 1
    told = " ".join(done.output.split())
    assert "attachment: 1 left: it was stored in the last minutes" in told
    assert "e-mail: 1 left: it is being sent" in told
    assert "docs/privacy.md" in told
    assert not KeptPasswords(tmp_path, "contoso").has(ERIN)
    assert scene.crm.email("flying") is not None
    assert ("look." in kept(scene), "only erin's file" in kept(scene)) == (False, True)

    scene.crm.write_back(WriteBack(activity="flying", status=EmailStatus.SENT))
    assert not road(scene, whole=True).erase().left
    assert ERIN not in kept(scene)
    assert "only erin's file" not in kept(scene)
    assert sorted(one.subject for one in scene.crm.emails()) == ["All of us", "Mine"]


@pytest.mark.parametrize(
    ("address", "why"), [(SALES, "the configuration in force names"), ("erin", "expected an e-mail")]
)
def test_who_is_in_force_or_no_address_is_refused(address: str, why: str) -> None:
    configuration = Configuration(organisation="contoso", mailboxes=(Mailbox(address="x@y.example", owner=SALES),))

    with pytest.raises(ConfigurationError, match=why):
        command._person(
            Organisation(Services(Environment(router_table="r", crm_table="c", data_bucket="b")), configuration),
            address,
        )


def test_what_s3_does_not_remove_stops_the_command() -> None:
    class Denying:
        def delete_objects(self, **given: Any) -> Any:
            return {"Errors": [{"Key": given["Delete"]["Objects"][0]["Key"], "Code": "SlowDown"}]}

    version = Version("raw/x", "raw/contoso/x", "1", NOW, marker=False)
    with pytest.raises(TryLater, match="SlowDown"):
        BlobVersions(Denying(), "data", "contoso").remove_versions([version])  # type: ignore[arg-type]  # enough of a client
