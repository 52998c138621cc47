"""Where a CRM's secret comes from is kept in the folder of a state; the secret is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from email_router.cli import crm_secret
from email_router.core.errors import ConfigurationError
from email_router.core.settings import Configuration, CrmSettings
from tests.fakes import MemorySecrets

NAME = "contoso/crm/credentials"
CONFIGURATION = Configuration(organisation="contoso", crm=CrmSettings(kind="dataverse", options={"secret": NAME}))


def remembered(folder: Path, credentials: str) -> Path:
    """Return the folder of a state beside a configuration file with these credentials."""
    file, state = folder / "router.toml", folder / "state"
    file.write_text(f"[organisation.crm]\ncredentials = {credentials}\n")
    state.mkdir()
    crm_secret.remember(state, file, CONFIGURATION)
    return state


def test_the_secret_comes_from_the_variable_that_the_configuration_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATAVERSE_SECRET", "s3cret")
    state, secrets = remembered(tmp_path, '{ env = "DATAVERSE_SECRET" }'), MemorySecrets()

    with crm_secret.lent(state, secrets):
        assert secrets.get(NAME) == "s3cret"
    assert all(b"s3cret" not in file.read_bytes() for file in state.iterdir())


def test_a_certificate_is_found_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_text("the certificate")
    state, secrets = remembered(tmp_path, '{ certificate = "app.pem" }'), MemorySecrets()

    with crm_secret.lent(state, secrets):
        assert secrets.get(NAME) == "the certificate"


@pytest.mark.parametrize(
    ("credentials", "way"),
    [
        ('{ env = "DATAVERSE_SECRET" }', "environment variable DATAVERSE_SECRET"),
        ('{ certificate = "gone.pem" }', "gone.pem"),
    ],
)
def test_a_command_that_lacks_the_secret_is_told_where_it_was_to_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, credentials: str, way: str
) -> None:
    monkeypatch.delenv("DATAVERSE_SECRET", raising=False)
    state = remembered(tmp_path, credentials)

    with pytest.raises(ConfigurationError, match=way), crm_secret.lent(state, MemorySecrets()):
        raise ConfigurationError(f"secret {NAME}: expected to exist, there is none")
    with pytest.raises(ConfigurationError, match=r"^something else$"), crm_secret.lent(state, MemorySecrets()):
        raise ConfigurationError("something else")


def test_a_folder_of_the_built_in_crm_gets_no_such_file(tmp_path: Path) -> None:
    crm_secret.remember(tmp_path, tmp_path / "router.toml", Configuration(organisation="contoso"))

    with crm_secret.lent(tmp_path, MemorySecrets()):
        assert list(tmp_path.iterdir()) == []
