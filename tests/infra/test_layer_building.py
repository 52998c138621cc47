"""A layer is built whole or not at all, of what its lock names, and to the same bytes wherever that is done."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import sys
import zipfile
from pathlib import Path

import pytest

from infra_cdk import checkout, layer_content, layer_python, layers
from infra_cdk.materials import write_bill

AARCH64 = (183).to_bytes(2, "little")
"""The machine of an ELF file, at byte 18 (elf.h, EM_AARCH64)."""


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lock of one package of our own making, which pip finds in a folder and nowhere else."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    wheel = wheels / "small_thing-1.0-py3-none-any.whl"
    files = {
        "small_thing.py": b"ANSWER = 42\nWAYS = lambda way: way in {'up', 'down', 'left', 'right'}\n",
        "small_thing-1.0.dist-info/entry_points.txt": b"[console_scripts]\nsmall = small_thing:main\n",
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


@pytest.mark.parametrize(
    "told", ["layer with beside has", "could not be installed"], ids=["too large with another", "another hash"]
)
def test_a_layer_that_cannot_be_built_leaves_the_old_one(lock: Path, tmp_path: Path, told: str) -> None:
    target, beside = tmp_path / "layer", tmp_path / "beside"
    beside.mkdir()
    (beside / "large").write_bytes(bytes(2000))
    layers.build(target, lock)
    (target / "old").touch()
    if told == "could not be installed":
        lock.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", lock.read_text()))
    bound = layers.Bound(layer_content.size_of(target) + 1000, [beside])

    with pytest.raises(SystemExit, match=told):
        layers.build(target, lock, bounds=[bound])

    assert (target / "old").exists()
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith("tmp")] == []


def built_here(target: Path, lock: Path, umask: int, python: str) -> str:
    """Build a layer in one's own way of making files; return its digest."""
    before = os.umask(umask)
    try:
        layers.build(target, lock, compiler=python)
    finally:
        os.umask(before)
    return layer_content.digest_of(target)


def zipped(folder: Path) -> bytes:
    """A zip as the CDK makes it: names in order, one date, each file's rights."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in layer_content.files_of(folder):
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix())
            entry.external_attr = file.stat().st_mode << 16
            archive.writestr(entry, file.read_bytes())
    return packed.getvalue()


def test_a_layer_holds_what_its_lock_names_and_the_same_bytes_wherever_and_whenever_it_is_built(
    lock: Path, tmp_path: Path
) -> None:
    """In another folder, by another umask, with the command that pip writes for this machine's Python taken out."""
    here = built_here(tmp_path / "here", lock, 0o022, sys.executable)
    there = built_here(tmp_path / "another place" / "there", lock, 0o077, sys.executable)

    assert here == there
    assert zipped(tmp_path / "here") == zipped(tmp_path / "another place" / "there")
    assert (tmp_path / "here" / "python" / "small_thing.py").read_text().startswith("ANSWER = 42\n")
    names = [file.name for file in layer_content.files_of(tmp_path / "here")]
    assert {"small_thing.py", "METADATA"} <= set(names)
    assert any(name.endswith(".pyc") for name in names)
    assert not {"small", "RECORD"} & set(names)


def test_a_layer_has_its_bill_of_materials_beside_it(lock: Path, tmp_path: Path) -> None:
    layers.build(tmp_path / "layer", lock)

    bill = json.loads((tmp_path / "layer.cdx.json").read_text())

    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert [(one["name"], one["purl"]) for one in bill["components"]] == [("small-thing", "pkg:pypi/small-thing@1.0")]
    assert not list((tmp_path / "layer").rglob("*.cdx.json"))


def test_the_bill_of_what_every_function_has_names_each_package_of_its_lock(tmp_path: Path) -> None:
    write_bill(checkout.ROOT / ".build" / "runtime" / "python", tmp_path / "bill")

    told = {one["purl"] for one in json.loads((tmp_path / "bill").read_text())["components"]}
    lock = checkout.requirements("runtime").read_text()
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock, re.MULTILINE)
    assert told == {f"pkg:pypi/{name}@{version}" for name, version in pins}


@pytest.mark.parametrize("change", ["a byte", "a right", "a name"])
def test_whatever_is_another_is_another_digest(tmp_path: Path, change: str) -> None:
    file = tmp_path / "one.py"
    file.write_text("ANSWER = 42\n")
    layer_content.settle(tmp_path)
    before = layer_content.digest_of(tmp_path)

    if change == "a byte":
        file.write_text("ANSWER = 43\n")
    elif change == "a right":
        file.chmod(0o755)
    else:
        file.rename(tmp_path / "two.py")

    assert layer_content.digest_of(tmp_path) != before


def test_our_own_code_is_a_layer_without_the_command_line_and_compiled(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for name in ("email_router/core/one.py", "email_router/cli/two.py", "email_router/core/__pycache__/old.pyc"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text("ANSWER = 1\n")

    layers.build_code(tmp_path / "layer", source, compiler=sys.executable)

    (one, compiled) = sorted(
        file.relative_to(tmp_path / "layer") for file in layer_content.files_of(tmp_path / "layer")
    )[::-1]
    assert one == Path("python/email_router/core/one.py")
    assert (compiled.parent.name, compiled.name.split(".")[0]) == ("__pycache__", "one")
    flags = (tmp_path / "layer" / compiled).read_bytes()[4:8]
    assert flags == b"\x01\x00\x00\x00", "never compared with its source (PEP 552): dates are lost in an archive"


def test_the_python_that_compiles_is_one_of_the_version_that_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = "{}.{}".format(*sys.version_info)
    for folder, script in {
        "stand-in": "#!/bin/sh\nexit 127\n",
        "real": f'#!/bin/sh\nexec {sys.executable} "$@"\n',
    }.items():
        python = tmp_path / folder / f"python{version}"
        python.parent.mkdir()
        python.write_text(script)
        python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'stand-in'}:{tmp_path / 'real'}:/usr/bin:/bin")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "none"))

    assert layer_python.find_python(version) == str(tmp_path / "real" / f"python{version}")
    assert layer_python.find_python("3.99") is None


@pytest.mark.long
@pytest.mark.parametrize("layer", checkout.BUILT_LAYERS)
def test_a_whole_layer_for_lambda_has_the_same_bytes_twice(layer: str, tmp_path: Path) -> None:
    digests = set()
    for place in ("one", "two"):
        python = layer_python.find_python(layers.LAMBDA.python)
        if layer in checkout.PACKAGE_LAYERS:
            layers.build(tmp_path / place, checkout.requirements(layer), compiler=python)
        else:
            layers.build_code(tmp_path / place, checkout.source(layer) / "python", compiler=python)
        digests.add(layer_content.digest_of(tmp_path / place))

    print(f"{layer}: {layer_content.size_of(tmp_path / 'one') / 1e6:.1f} MB")
    assert len(digests) == 1
    wrong = [file for file in (tmp_path / "one").rglob("*.so") if file.read_bytes()[18:20] != AARCH64]
    assert wrong == []
