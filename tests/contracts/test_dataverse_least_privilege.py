"""`test-access` names each privilege that is missing in Dynamics 365 for what the configuration does, and where to give it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from email_router.cli.crm_access import CrmTested, crm_tested
from email_router.cli.main import app
from email_router.cli.servers import MailServers
from email_router.edge.crm.dataverse_privileges import OPTIONAL, PRIVILEGES, Use, missing
from email_router.wiring.configuration import load
from tests.contracts.dataverse_published import FILE
from tests.contracts.dataverse_rig import Rig
from tests.shared import PROJECT
from tests.simulators.dataverse.privileges import VERBS, known
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT

INCOMING = """
[[profiles]]
name = "in"
direction = "incoming"
server = "pop3"
host = "mail.contoso.example"
credentials = { env = "DATAVERSE_SECRET" }
[[mailboxes]]
address = "ann@contoso.example"
incoming = "in"
create_sender = "%s"
"""
EVERY = frozenset(Use)


def access_of(rig: Rig, folder: Path, more: str = "") -> CrmTested:
    (folder / "ca.pem").write_text(rig.process.authority.pem)
    (folder / "router.toml").write_text(FILE.format(url=rig.process.url, tenant=TENANT, client=CLIENT) + more)
    read = load(folder / "router.toml", {"DATAVERSE_SECRET": SECRET})
    found = crm_tested(MailServers(read.configuration, lambda _profile: "", crm_secret=lambda: SECRET))
    assert found is not None
    return found


def named(found: CrmTested) -> dict[str, Any]:
    shape: Any = found.json()
    return {one["privilege"]: one for one in shape["missing"]}


def test_the_documentation_lists_the_same_privileges() -> None:
    text = (PROJECT / "docs" / "dynamics.md").read_text("utf-8")

    assert set(re.findall(r"`(prv\w+)`", text)) == set(PRIVILEGES)


def test_every_privilege_is_one_that_the_tables_have() -> None:
    assert set(PRIVILEGES) <= known()
    assert len(known()) > 10 * len(VERBS)
    assert set(PRIVILEGES.values()) == EVERY
    assert OPTIONAL < EVERY


@pytest.mark.parametrize("privilege", PRIVILEGES)
def test_each_that_is_missing_is_found_and_no_other(dataverse: Rig, privilege: str) -> None:
    dataverse.process.settings(denied=[privilege])

    (found,) = missing(dataverse.client, EVERY)

    assert (found.privilege, found.held) == (privilege, "")
    assert found.optional == (PRIVILEGES[privilege] in OPTIONAL)


@pytest.mark.parametrize("depth", ["Basic", "Local", "Deep"])
def test_one_that_reaches_less_far_than_the_organisation_is_missing_too(dataverse: Rig, depth: str) -> None:
    dataverse.process.settings(depths={"prvReadContact": depth})

    (found,) = missing(dataverse.client, EVERY)

    assert (found.privilege, found.held) == ("prvReadContact", depth)


def test_two_requests_tell_it_all(dataverse: Rig) -> None:
    dataverse.process.clear_requests()

    assert missing(dataverse.client, EVERY) == []

    outer = [one["path"] for one in dataverse.process.requests("/api/") if not one["batched"]]
    assert len(outer) == 2


def test_an_organisation_without_sales_and_service_misses_nothing_of_their_tables(dataverse: Rig) -> None:
    dataverse.process.settings(denied=[name for name in PRIVILEGES if name.endswith(("Lead", "Incident"))])
    assert len(missing(dataverse.client, EVERY)) == len(
        [one for one in PRIVILEGES if one.endswith(("Lead", "Incident"))]
    )

    dataverse.process.fault(
        r"EntityDefinitions\(LogicalName", "status", times=2, status=404, code="0x80040217", message="not there"
    )

    assert missing(dataverse.client, EVERY) == []


def test_a_user_who_has_all_that_the_configuration_needs_is_well(dataverse: Rig, tmp_path: Path) -> None:
    dataverse.process.settings(denied=sorted(known() - PRIVILEGES.keys()))

    found = access_of(dataverse, tmp_path, INCOMING % "contact")

    assert (found.status, found.missing, found.error) == ("ok", [], None)
    ((*_, words),) = found.rows()
    assert "every privilege" in str(words)


def test_what_is_missing_is_named_with_the_place_where_it_is_given(dataverse: Rig, tmp_path: Path) -> None:
    dataverse.process.settings(denied=["prvCreateContact"], depths={"prvReadActivity": "Local"})

    found = access_of(dataverse, tmp_path, INCOMING % "contact")

    assert found.status == "error"
    told = named(found)
    assert told.keys() == {"prvCreateContact", "prvReadActivity"}
    assert told["prvCreateContact"]["text"] == 'the privilege prvCreateContact is missing: create_sender = "contact"'
    assert "Security roles" in told["prvCreateContact"]["mend"]
    assert "prvCreateContact at the level Organization" in told["prvCreateContact"]["mend"]
    assert CLIENT in told["prvCreateContact"]["mend"]
    assert told["prvReadActivity"]["held"] == "Local"
    assert [row[3] for row in found.rows()] == ["error", "error"]


@pytest.mark.parametrize(
    ("more", "denied"),
    [
        ("", "prvCreateActivity"),
        ("", "prvAssignActivity"),
        (INCOMING % "none", "prvCreateContact"),
        (INCOMING % "contact", "prvCreateLead"),
        (INCOMING % "lead", "prvAppendContact"),
        (INCOMING % "lead", "prvAssignContact"),
    ],
)
def test_what_the_configuration_does_not_do_needs_no_privilege(
    dataverse: Rig, tmp_path: Path, more: str, denied: str
) -> None:
    dataverse.process.settings(denied=[denied])

    assert access_of(dataverse, tmp_path, more).status == "ok"


@pytest.mark.parametrize("denied", ["prvAssignActivity", "prvAssignContact", "prvCreateNote"])
def test_what_the_router_does_without_is_a_warning(dataverse: Rig, tmp_path: Path, denied: str) -> None:
    dataverse.process.settings(denied=[denied])

    found = access_of(dataverse, tmp_path, INCOMING % "contact")

    assert (found.status, [row[3] for row in found.rows()]) == ("warning", ["warning"])
    assert named(found)[denied]["optional"] is True


def test_an_application_that_is_no_user_there_is_told_so(dataverse: Rig, tmp_path: Path) -> None:
    dataverse.process.settings(member=False)

    found = access_of(dataverse, tmp_path)
    dataverse.process.settings(member=True)

    assert found.status == "error"
    assert found.error is not None
    assert (found.error.kind, CLIENT in found.error.mend) == ("access_denied", True)


@pytest.mark.parametrize(("denied", "code"), [([], 0), (["prvReadContact"], 1)])
def test_the_command_tells_it_and_ends_with_1_where_a_needed_one_is_missing(
    dataverse: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denied: list[str], code: int
) -> None:
    (tmp_path / "ca.pem").write_text(dataverse.process.authority.pem)
    text = FILE.format(url=dataverse.process.url, tenant=TENANT, client=CLIENT)
    (tmp_path / "router.toml").write_text(text.partition("[[profiles]]")[0])
    monkeypatch.setenv("DATAVERSE_SECRET", SECRET)
    dataverse.process.settings(denied=denied)

    ran = CliRunner().invoke(app, ["test-access", "--config", str(tmp_path / "router.toml"), "--json"])
    words = CliRunner().invoke(app, ["test-access", "--config", str(tmp_path / "router.toml")])

    told = json.loads(ran.stdout)
    assert (ran.exit_code, words.exit_code) == (code, code)
    assert (told["mailboxes"], told["crm"]["status"]) == ([], "error" if denied else "ok")
    assert [one["privilege"] for one in told["crm"]["missing"]] == denied
    assert all(name in words.stdout for name in denied)
