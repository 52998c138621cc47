"""The layers of packages: complete, without a package twice, within Lambda's limits, and built whole or not at all."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from email_router.cli.embedded.checkout import Checkout
from infra_cdk import checkout, layers
from tests.infra.template import ROOT, resources

LAMBDA_LIMIT = 250 * 1024 * 1024
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


@pytest.mark.parametrize("layer", checkout.BUILT_LAYERS)
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


def test_a_function_with_all_its_layers_is_within_the_limits_of_lambda() -> None:
    """By what is installed for this machine: the wheels for arm64 are of the same size within a few percent."""
    here = Checkout.find()
    packages = [
        file
        for folder in (here.runtime, here.exchange)
        for file in folder.rglob("*")
        if file.is_file() and file.suffix != ".pyc"
    ]
    unpacked = sum(file.stat().st_size for file in packages) * COMPILED + layers.size_of(here.code)

    attached = max(len(one["Layers"]) for one in resources("AWS::Lambda::Function").values())
    print(f"{unpacked / 1e6:.0f} MB unpacked, {attached} layers")
    assert layers.UNPACKED_LIMIT == LAMBDA_LIMIT
    assert unpacked < LAMBDA_LIMIT * 0.8
    assert attached <= 5


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of one package of our own making, which pip finds in a folder and nowhere else."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / "small_thing-1.0-py3-none-any.whl"
    files = {
        "small_thing.py": b"ANSWER = 42\n",
        "small_thing-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: small-thing\nVersion: 1.0\n",
        "small_thing-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = [
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(text).digest()).decode().rstrip('=')},{len(text)}"
        for name, text in files.items()
    ]
    record = "\n".join([*rows, "small_thing-1.0.dist-info/RECORD,,", ""]).encode()
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**files, "small_thing-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    found = tmp_path / "requirements.txt"
    found.write_text(f"small-thing==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n")
    return found


def test_a_layer_is_built_of_what_its_lock_names(lock: Path, tmp_path: Path) -> None:
    target = tmp_path / "layer"

    size = layers.build(target, lock)

    assert (target / "python" / "small_thing.py").read_text() == "ANSWER = 42\n"
    assert size == layers.size_of(target)


@pytest.mark.parametrize("why", ["too large with the layers beside it", "a hash that is another one"])
def test_a_layer_that_cannot_be_built_leaves_the_old_one(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    target, beside = tmp_path / "layer", tmp_path / "beside"
    beside.mkdir()
    (beside / "large").write_bytes(bytes(2000))
    layers.build(target, lock)
    (target / "old").touch()
    if why == "a hash that is another one":
        lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text()))
    else:
        monkeypatch.setattr(layers, "UNPACKED_LIMIT", layers.size_of(target) + 1000)

    with pytest.raises(SystemExit):
        layers.build(target, lock, beside=[beside])

    assert (target / "old").exists()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("tmp")] == []
