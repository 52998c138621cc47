"""Exchange Online by EWS: read with a token, explained with its dates."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from email_router.core.errors import MailboxBlocked
from email_router.core.fetched import Position
from email_router.edge.connect import ews
from tests.edge.ews.reading import RAW, read, source
from tests.simulators.ews.process import TOKEN, EwsProcess


def online(server: EwsProcess) -> dict[str, Any]:
    """What makes the profile one of Exchange Online by EWS."""
    endpoint = f"{server.root}/EWS/Exchange.asmx"
    return {"server": "exchange-online", "protocol": "ews", "endpoint": endpoint, "tenant_id": "t", "client_id": "c"}


def test_exchange_online_is_read_with_a_token_and_impersonation(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ews, "access_token", lambda account: TOKEN)
    server.put(address, RAW)

    raws, _ = read(source(server, address, "a secret", **online(server)), Position())

    assert raws == [RAW]
    assert all(f"SmtpAddress>{address}<" in row["request"] for row in server.requests())


def test_exchange_online_explains_a_403_with_its_dates(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ews, "access_token", lambda account: TOKEN)
    server.fault("SyncFolderItems", "status", status=403)

    with pytest.raises(MailboxBlocked) as blocked:
        read(source(server, address, "a secret", **online(server)), Position())

    for word in ("2026-10-01", "2027-04-01", "EWSAllowedAppIDs", "graph"):
        assert word in blocked.value.mend


def test_exchange_online_by_ews_is_refused_from_its_last_day_on(
    server: EwsProcess, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ews, "today", lambda: date(2027, 4, 1))

    with pytest.raises(MailboxBlocked) as blocked:
        source(server, address, "a secret", **online(server))

    assert "graph" in blocked.value.mend
