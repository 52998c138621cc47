"""No simulator says, and nobody says to one, what its description does not know: the check itself is awake and leaves nothing out."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from jsonschema import ValidationError
from lxml import etree  # type: ignore[import-untyped]

from tests.contracts import ews_schema, graph_endpoints
from tests.shared import shared_path
from tests.simulators.ews.operations import OPERATIONS
from tests.simulators.graph.process import SECRET, GraphProcess
from tests.simulators.witnessed import watch

SERVICES = shared_path("contracts", "ews-full-v2018", "messages.xsd")
GOOD: dict[str, Any] = {
    "method": "POST",
    "path": "/v1.0/users/a@contoso.example/messages/AAMk1/move",
    "kind": "application/json",
    "length": 31,
    "asked": {"destinationId": "archive"},
    "status": 201,
    "answer": {"id": "AAMk2", "subject": "x"},
    "authorised": True,
    "batched": False,
}
TOKEN: dict[str, Any] = {
    "method": "POST",
    "path": "/tenant/oauth2/v2.0/token",
    "kind": "application/x-www-form-urlencoded",
    "length": 90,
    "asked": {
        "grant_type": "client_credentials",
        "client_id": "c",
        "scope": "https://graph.microsoft.com/.default",
        "client_secret": "***",
    },
    "status": 200,
    "answer": {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "t"},
    "authorised": False,
    "batched": False,
}


def test_every_endpoint_of_graph_and_of_the_login_host_is_described() -> None:
    assert graph_endpoints.endpoints() <= set(graph_endpoints.EVERY)
    assert len(graph_endpoints.endpoints()) > 30


def test_every_operation_of_ews_is_in_the_schema() -> None:
    described = {
        one.get("name") for one in etree.parse(SERVICES).getroot().iter("{http://www.w3.org/2001/XMLSchema}element")
    }

    assert set(OPERATIONS) <= described
    assert {f"{name}Response" for name in OPERATIONS} <= described


@pytest.mark.parametrize("said", [GOOD, TOKEN])
def test_what_fits_passes(said: dict[str, Any]) -> None:
    graph_endpoints.check(said)


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        (GOOD, {"asked": {"destination": "archive"}}),
        (GOOD, {"answer": {"subjekt": "x"}}),
        (GOOD, {"answer": None}),
        (GOOD, {"authorised": False}),
        (GOOD, {"path": "/v1.0/users/a@contoso.example/nothing"}),
        (GOOD, {"status": 404, "answer": {"message": "no error object"}}),
        (TOKEN, {"asked": {"grant_type": "password"}}),
        (TOKEN, {"answer": {"access_token": "t"}}),
        (TOKEN, {"status": 401, "answer": {"error": "invalid_client"}}),
    ],
)
def test_what_does_not_fit_is_a_failure(said: dict[str, Any], changes: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, AssertionError)):
        graph_endpoints.check({**copy.deepcopy(said), **changes})


def test_ews_out_of_order_is_a_failure() -> None:
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:m="http://schemas.microsoft.com/exchange/'
        'services/2006/messages"><s:Body><m:SyncFolderItems><m:MaxChangesReturned>513</m:MaxChangesReturned>'
        "</m:SyncFolderItems></s:Body></s:Envelope>"
    )

    with pytest.raises(etree.DocumentInvalid):
        ews_schema.check_envelope(body)


def test_a_running_simulator_hands_over_what_was_said_once(tmp_path: Any) -> None:
    from email_router.core.ports import Reach
    from email_router.edge.connect.graph import GraphClient
    from email_router.edge.connect.https import hang_up

    with GraphProcess(tmp_path) as graph:
        graph.mailbox_state("a@contoso.example", "ok")
        client = GraphClient(graph.profile(), "a@contoso.example", SECRET, Reach(loopback=True))
        client.call("GET", f"{client.user}/mailFolders/inbox")

        said = [row for speaks, row in watch.take() if speaks == "graph"]

        assert [row["status"] for row in said][-1] == 200
        assert {graph_endpoints.endpoint_of(row) for row in said} >= {("GET", "users/*/mailFolders/*")}
        assert [row for speaks, row in watch.take() if speaks == "graph"] == []
    hang_up()
