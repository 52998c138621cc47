"""A Dynamics 365 that knows nobody and takes whatever it is told: beside its requests its adapter does all that it does in AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from email_router.core.ports import Reach
from email_router.edge.connect import dataverse_connection
from email_router.edge.connect.dataverse import DataverseClient
from email_router.edge.connect.dataverse_batch import Item, Request
from email_router.edge.connect.dataverse_errors import DataverseReply
from email_router.wiring import registry

_NOTHING = DataverseReply(200, {}, json.dumps({"value": []}).encode())
_GONE = DataverseReply(404, {}, json.dumps({"error": {"code": "0x80040217", "message": "it is not there"}}).encode())


class EmptyDataverse(DataverseClient):
    """The real client, signed in nowhere; every request passes the gate that all functions share, and none leaves."""

    def batch(self, items: Sequence[Item]) -> list[tuple[DataverseReply, ...]]:
        """Answer each item."""
        with self._passing():
            return [tuple(map(_reply, [one] if isinstance(one, Request) else one.requests)) for one in items]

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
    return _GONE if request.method == "GET" and request.target.startswith("emails(") else _NOTHING
