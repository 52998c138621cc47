"""A Dynamics 365 that knows nobody and takes whatever it is told: beside its requests its adapter does all that it does in AWS.

It has one e-mail that waits, LARGE, whose attachment breaks off.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import pytest

from email_router.core.ports import Reach
from email_router.edge.connect import dataverse_connection
from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.connect.dataverse_batch import Item, Request
from email_router.edge.connect.dataverse_errors import DataverseReply, JsonObject
from email_router.edge.connect.https import AnswerLost
from email_router.wiring import registry

LARGE = "44444444-4444-4444-8444-444444444444"


def _said(status: int, content: JsonObject) -> DataverseReply:
    return DataverseReply(status, {}, json.dumps(content).encode())


_NOTHING = _said(200, {"value": []})
_GONE = _said(404, {"error": {"code": "0x80040217", "message": "it is not there"}})
_WAITS = _said(200, {"@odata.etag": 'W/"1"', "activityid": LARGE, "directioncode": True, "statuscode": 6})
_FILES = _said(200, {"value": [{"activitymimeattachmentid": LARGE, "_objectid_value": LARGE, "filename": "a.bin"}]})


class EmptyDataverse(DataverseClient):
    """The real client, signed in nowhere; every request passes the gate that all functions share, and none leaves."""

    def batch(self, items: Sequence[Item]) -> list[tuple[DataverseReply, ...]]:
        """Answer each item."""
        with self._passing():
            return [tuple(map(_reply, [one] if isinstance(one, Request) else one.requests)) for one in items]

    def stream(self, target: str) -> Generator[bytes, None, None]:
        """Break off after more than one part of an upload."""
        yield b"QUJD" * 2_000_000
        raise AnswerLost(f"{target}: the line broke", kind="connection_lost", shared=True)

    def _ask(self, method: str, target: str, *_: object, **__: object) -> DataverseReply:
        return _reply(Request(method, target))


def connected(options: Mapping[str, str], secret: str, reach: Reach, organisation: str, *store: Any) -> DataverseClient:
    """Return the client (as registry.DATAVERSE does)."""
    made = dataverse_connection.connected(options, secret, reach, organisation, *store)
    return EmptyDataverse(made._address, made._sign_in, organisation, made._gate)


def stand_in(patch: pytest.MonkeyPatch) -> None:
    """Put it in the place of the real one."""
    patch.setattr(registry, "DATAVERSE", f"{__name__}:connected")


def _reply(request: Request) -> DataverseReply:
    if request.method == "GET" and request.target.startswith((f"emails({LARGE})?", "activitymimeattachments?")):
        return _WAITS if request.target.startswith("emails") else _FILES
    return _GONE if request.method == "GET" and request.target.startswith("emails(") else _NOTHING
