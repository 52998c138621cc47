"""The least that is spoken is TLS 1.2, whatever the machine's own configuration allows."""

from __future__ import annotations

import ssl

import pytest

from email_router.edge.connect import tls


def test_a_machine_that_allows_older_versions_does_not_lower_the_least_version(monkeypatch: pytest.MonkeyPatch) -> None:
    lenient = ssl.create_default_context()
    lenient.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    monkeypatch.setattr(ssl, "create_default_context", lambda cadata=None: lenient)

    context = tls.context_for.__wrapped__("")

    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
