"""The layers of packages: complete, without a package twice, and within Lambda's limits and ours."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from email_router.cli.embedded.checkout import Checkout
from infra_cdk import checkout, layer_content, layers
from tests.infra.template import ROOT, resources

LAMBDA_LIMIT = 250 * 1024 * 1024
EVERY_FUNCTION = 90 * 1000 * 1000
COMPILED = 1.3
"""How much larger layers are with compiled modules, rounded up: 84 MB to 68, measured with Python 3.13 for arm64."""


def locked(lock: Path) -> dict[str, str]:
    """The packages of a lock, by name, with their versions."""
    return dict(re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_no_package_is_in_both_layers() -> None:
    both = locked(checkout.requirements("runtime")).keys() & locked(checkout.requirements("exchange")).keys()

    assert both == set(), "the Exchange layer stands on the runtime layer: leave these out of its lock"


def test_the_lock_of_exchange_names_what_it_leaves_to_the_runtime_layer() -> None:
    left_out = set(re.findall(r"^# ([\w.-]+)$", checkout.requirements("exchange").read_text(), re.MULTILINE))

    assert {"requests", "cryptography"} <= left_out
    assert left_out <= locked(checkout.requirements("runtime")).keys()


@pytest.mark.parametrize("layer", checkout.PACKAGE_LAYERS)
def test_every_package_is_pinned_by_hashes_and_is_what_the_tests_run_on(layer: str) -> None:
    lock = checkout.requirements(layer)
    pinned = re.split(r"^(?=[\w.-]+==)", lock.read_text(), flags=re.MULTILINE)

    assert all("--hash=sha256:" in one for one in pinned if one.strip())
    assert locked(lock).items() <= locked(ROOT / "requirements" / "dev.txt").items()


def test_the_layers_lack_no_package_that_one_of_theirs_needs() -> None:
    here = Checkout.find()
    installed = {
        canonical(found.name): found
        for folder in (here.runtime, here.exchange)
        for path in folder.glob("*.dist-info")
        for found in [PathDistribution(path)]
    }

    needed = {
        canonical(name)
        for found in installed.values()
        for text in found.requires or []
        if "extra ==" not in text and "sys_platform" not in text and "platform_system" not in text
        for name in re.findall(r"^[\w.-]+", text)
    }

    missing = needed - installed.keys() - {"importlib-metadata", "tomli", "typing-extensions", "backports-tarfile"}
    assert {"exchangelib", "lxml", "requests-ntlm", "msal", "boto3"} <= installed.keys()
    assert missing == set()


def test_exchangelib_loads_from_the_two_layers_alone() -> None:
    """-S leaves out the environment's own packages, -E its variables; the handlers' path is that of Lambda."""
    here = Checkout.find()
    code = (
        f"import sys; sys.path[:0] = {[str(here.code / 'python'), str(here.runtime), str(here.exchange)]!r};"
        "from email_router.wiring import registry as r; r.adapter(r.SOURCES, 'exchange'); r.adapter(r.SENDERS, 'exchange');"
        "import exchangelib, lxml; print(exchangelib.__file__, lxml.__file__)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(here.exchange)) == 2


def installed_size(*folders: Path) -> float:
    """What packages take with compiled files, by those of this machine: wheels for arm64 are of the same size within a few percent."""
    files = [file for folder in folders for file in layer_content.files_of(folder) if file.suffix != ".pyc"]
    return sum(file.stat().st_size for file in files) * COMPILED


def test_a_function_with_all_its_layers_is_within_the_limits_of_lambda() -> None:
    here = Checkout.find()
    unpacked = installed_size(here.runtime, here.exchange, here.code)

    attached = max(len(one["Layers"]) for one in resources("AWS::Lambda::Function").values())
    print(f"{unpacked / 1e6:.0f} MB unpacked, {attached} layers")
    assert layers.UNPACKED_LIMIT == LAMBDA_LIMIT
    assert unpacked < LAMBDA_LIMIT * 0.8
    assert attached <= 5


def test_what_every_function_has_is_at_most_90_mb_with_its_compiled_files() -> None:
    here = Checkout.find()
    unpacked = installed_size(here.runtime, here.code)

    print(f"{unpacked / 1e6:.0f} MB in every function")
    assert unpacked < EVERY_FUNCTION
    assert layers.EVERYWHERE_LIMIT == EVERY_FUNCTION
    for layer, other in (("email-router", "runtime"), ("runtime", "email-router")):
        assert layers.Bound(EVERY_FUNCTION, [checkout.built(other)]) in layers.bounds_of(layer)
