"""Microsoft's own Python client of Dataverse works against the simulator."""

from __future__ import annotations

import json
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from PowerPlatform.Dataverse.client import DataverseClient
from PowerPlatform.Dataverse.core.errors import HttpError

from tests.contracts.dataverse_rig import EMAIL, Rig
from tests.simulators.dataverse.process import CLIENT, SECRET, TENANT, DataverseProcess


class Credential:
    """What azure-identity does, which speaks to Microsoft's login hosts only: a token for a scope."""

    def __init__(self, process: DataverseProcess) -> None:
        self._process = process

    def get_token(self, *scopes: str, **_: Any) -> Any:
        from azure.core.credentials import AccessToken

        form = {"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRET, "scope": scopes[0]}
        request = urllib.request.Request(f"{self._process.url}/{TENANT}/oauth2/v2.0/token", urlencode(form).encode())
        trust = ssl.create_default_context(cafile=str(self._process.authority.ca))
        with urllib.request.urlopen(request, context=trust, timeout=30) as answer:
            found = json.load(answer)
        return AccessToken(found["access_token"], 0)


@pytest.fixture
def client(dataverse: Rig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(dataverse.process.authority.ca))
    with DataverseClient(dataverse.process.url, Credential(dataverse.process)) as opened:
        yield opened


def test_a_row_is_made_read_changed_and_removed(client: Any, dataverse: Rig) -> None:
    key = client.records.create("contact", {"firstname": "Ann", "lastname": "Lee", "emailaddress1": "ann@example.com"})

    client.records.update("contact", key, {"lastname": "Moss"})

    assert client.records.retrieve("contact", key, select=["fullname"])["fullname"] == "Ann Moss"
    client.records.delete("contact", key)
    assert client.records.retrieve("contact", key) is None


def test_pages_of_rows_are_followed_to_their_end(client: Any, dataverse: Rig) -> None:
    for number in range(7):
        dataverse.contact(f"C{number}", f"c{number}@example.com")

    found = client.records.list(
        "contact", filter="firstname ne 'C3'", select=["firstname"], orderby=["firstname desc"], page_size=3
    )

    assert [row["firstname"] for row in found] == ["C6", "C5", "C4", "C2", "C1", "C0"]


def test_a_label_is_resolved_and_parties_are_expanded(client: Any, dataverse: Rig) -> None:
    party = {"participationtypemask": 2, "addressused": "bob@example.com"}
    content = {"activityid": EMAIL, "subject": "Hello", "prioritycode": "High", "email_activity_parties": [party]}

    assert client.records.create("email", content) == EMAIL

    row = client.records.retrieve("email", EMAIL, select=["subject", "prioritycode"], expand=["email_activity_parties"])
    assert row["prioritycode"] == 2
    assert [one["addressused"] for one in row["email_activity_parties"]] == ["bob@example.com"]


def test_an_alternate_key_makes_and_changes_a_row(client: Any, dataverse: Rig) -> None:
    dataverse.process.settings(alternate_keys=[["contact", "externaluseridentifier"]])

    for name in ("First", "Second"):
        client.records.upsert(
            "contact", [{"alternate_key": {"externaluseridentifier": "x7"}, "record": {"lastname": name}}]
        )

    assert [row["lastname"] for row in dataverse.process.rows("contact")] == ["Second"]


def test_a_batch_with_a_change_set_is_done(client: Any, dataverse: Rig) -> None:
    batch = client.batch.new()
    with batch.changeset() as together:
        made = together.records.create("contact", {"lastname": "Lee"})
        together.records.update("contact", made, {"firstname": "Ann"})
    batch.records.list("contact", select=["fullname"])

    result = batch.execute()

    assert [one.status_code for one in result.responses] == [204, 204, 200]
    assert [row["fullname"] for row in result.responses[2].data["value"]] == ["Ann Lee"]


def test_a_batch_goes_on_after_a_failure_where_that_is_asked(client: Any, dataverse: Rig) -> None:
    batch = client.batch.new()
    batch.records.create("contact", {"lastname": "x" * 51})
    batch.records.create("contact", {"lastname": "Good"})

    result = batch.execute(continue_on_error=True)

    assert [(one.status_code, one.error_code) for one in result.responses] == [(400, "0x80044331"), (204, None)]


def test_its_errors_are_read_as_dataverses_own(client: Any, dataverse: Rig) -> None:
    dataverse.process.settings(denied=["prvCreateContact"])

    with pytest.raises(HttpError) as caught:
        client.records.create("contact", {"lastname": "Lee"})

    assert "prvCreateContact" in str(caught.value)
    assert caught.value.status_code == 403


def test_a_limit_tells_it_how_long_to_wait(client: Any, dataverse: Rig) -> None:
    dataverse.process.settings(requests=3, spend_requests=3)

    with pytest.raises(HttpError) as caught:
        client.records.list("contact", select=["fullname"])

    assert caught.value.is_transient
    assert 290 <= caught.value.details["retry_after"] <= 300
