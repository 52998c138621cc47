"""What is installed beside the tools of the tests never asks for another version of what they pin."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.shared import PROJECT

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    return dict(_PIN.findall((PROJECT / "requirements" / name).read_text()))


@pytest.mark.parametrize(
    ("name", "package", "beside"),
    [
        ("graph_sdk.txt", "msgraph-sdk", ("dev.txt",)),
        ("dataverse_client.txt", "powerplatform-dataverse-client", ("dev.txt", "graph_sdk.txt")),
    ],
)
def test_a_client_of_microsoft_s_pins_what_is_installed_beside_it(
    name: str, package: str, beside: tuple[str, ...]
) -> None:
    client = pins(name)

    assert package in client
    for other in map(pins, beside):
        assert {one: version for one, version in client.items() if other.get(one, version) != version} == {}
        assert len(set(other) & set(client)) > 5


def test_the_demo_installs_nothing_of_them() -> None:
    assert {"msgraph-sdk", "azure-identity", "aiohttp", "pandas", "numpy"} & set(pins("demo.txt")) == set()


def test_the_files_of_hashes_are_whole() -> None:
    """Each is installed without asking who needs whom; so what one forgot shows here."""
    done = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout
