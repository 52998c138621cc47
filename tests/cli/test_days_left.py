"""The end of certificates and client secrets: read where a configuration is published, told in days by the scheduler."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from email_router.core.counters import SECRET_DAYS_LEFT
from email_router.core.errors import ConfigurationError
from email_router.core.flows.gauges import Gauges
from email_router.core.settings import Configuration
from email_router.wiring.configuration import load
from email_router.wiring.configuration_parts import ends
from tests.cli.example import EXAMPLE, VARIABLES, certificate, write_example
from tests.fakes import CountingMeters, MemoryCircuits, MemoryQuarantine, MemoryStates
from tests.memory.alerts import MemoryAlerts

NOW = datetime.now(UTC)
OWN = 'credentials = { env = "GRAPH_SECRET" }'
CRM = """
[organisation.crm]
kind = "dataverse"
url = "https://contoso.crm.dynamics.com"
tenant_id = "11111111-1111-4111-8111-111111111111"
client_id = "22222222-2222-4222-8222-222222222222"
credentials = { env = "CRM_SECRET" }
"""
BUILT_IN = '\n[organisation.crm]\nkind = "builtin"\n'
DYNAMICS = EXAMPLE.replace(BUILT_IN, CRM)


def published(folder: Path, text: str) -> Configuration:
    """The configuration as it is published; app.pem ends in 90 days, crm.pem in 40."""
    for name, days in (("app", 90), ("crm", 40)):
        (folder / f"{name}.pem").write_text("".join(certificate(days)))
    return load(write_example(folder, text), {**VARIABLES, "CRM_SECRET": "crm-secret"}).configuration


def days_left(configuration: Configuration, now: datetime = NOW) -> int | None:
    """What the scheduler tells."""
    meters = CountingMeters()
    Gauges(
        configuration=configuration,
        now=now,
        meters=meters,
        states=MemoryStates(),
        undeliverable=MemoryQuarantine(),
        alerts=MemoryAlerts(),
        circuits=MemoryCircuits(),
    ).tell([])
    return meters.counts.get(SECRET_DAYS_LEFT)


def test_a_certificate_tells_its_end_and_the_first_of_a_chain_counts() -> None:
    (leaf, key), (above, _) = certificate(90), certificate(40)

    found = ends(key + leaf + above)

    assert found is not None
    assert timedelta(days=39, hours=23) < found - NOW < timedelta(days=40, hours=1)
    assert found.tzinfo is not None


@pytest.mark.parametrize(
    "text", ["", "a client secret", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"]
)
def test_of_what_is_no_certificate_no_end_is_known(text: str) -> None:
    assert ends(text) is None


def test_what_nobody_knows_the_end_of_is_not_told(tmp_path: Path) -> None:
    assert days_left(published(tmp_path, DYNAMICS)) is None


def test_the_certificate_of_a_profile_counts_from_the_day_it_is_published(tmp_path: Path) -> None:
    assert days_left(published(tmp_path, EXAMPLE.replace(OWN, 'certificate = "app.pem"'))) in {89, 90}


def test_the_crm_s_certificate_counts_where_it_ends_first(tmp_path: Path) -> None:
    text = DYNAMICS.replace(OWN, 'certificate = "app.pem"')
    text = text.replace('{ env = "CRM_SECRET" }', '{ certificate = "crm.pem" }')

    found = published(tmp_path, text)

    assert days_left(found) in {39, 40}
    assert days_left(found, NOW + timedelta(days=50)) in {-11, -10}, "what has ended goes on being told"


def test_the_end_of_a_client_secret_is_what_the_file_says(tmp_path: Path) -> None:
    end = (NOW + timedelta(days=25, hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = DYNAMICS.replace(CRM, f"{CRM}credentials_expire = {end}\n")

    assert days_left(published(tmp_path, text)) == 25
    assert days_left(published(tmp_path, EXAMPLE.replace(OWN, f"{OWN}\ncredentials_expire = {end}"))) == 25
    with pytest.raises(ConfigurationError, match="expected an instant with its zone"):
        published(tmp_path, text.replace(end, "2027-01-01"))
