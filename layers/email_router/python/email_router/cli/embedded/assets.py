"""Build the zip files that the template names: links to our layer and to the layers of packages for this machine, one for each function."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from email_router.cli.embedded.checkout import Checkout
from email_router.cli.embedded.trouble import EmbeddedCloudError

CODE_LAYER = "layer-email-router.zip"
RUNTIME_LAYER = "layer-runtime.zip"
EXCHANGE_LAYER = "layer-exchange.zip"
_SAME_FOR_EVER = (1980, 1, 1, 0, 0, 0)
_NOT_DEPLOYED = {"__pycache__", "cli"}


def build_assets(checkout: Checkout) -> dict[str, Path]:
    """Each asset's S3 key and its file.  Named by its content in .build/assets, so that only what changed is built again."""
    assets = {
        CODE_LAYER: _link(checkout, CODE_LAYER, code_content(checkout) / "python"),
        RUNTIME_LAYER: _link(checkout, RUNTIME_LAYER, checkout.runtime),
        EXCHANGE_LAYER: _link(checkout, EXCHANGE_LAYER, checkout.exchange),
    }
    for folder in sorted(checkout.functions.iterdir()):
        if (folder / "handler.py").is_file():
            assets[function_asset(folder.name)] = _zipped(checkout, function_asset(folder.name), _sources(folder))
    return assets


def function_asset(name: str) -> str:
    """The asset of a function: `fn-send-email.zip` for `send_email`."""
    return f"fn-{name.replace('_', '-')}.zip"


def code_content(checkout: Checkout) -> Path:
    """Return the folder with the content of our layer: without cli/, with compiled modules, made once for each state of the sources."""
    sources = {
        name: content
        for name, content in _sources(checkout.code).items()
        if not name.startswith("python/email_router/cli/")
    }
    cached = _cached(checkout, CODE_LAYER, sources).with_suffix("")
    if not cached.exists():
        _unfold(checkout, cached, sources)
    return cached


def _unfold(checkout: Checkout, target: Path, sources: dict[str, bytes]) -> None:
    """Write beside and rename: two runs may make the same content at once, and the first of them counts."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, suffix=".unfinished") as scratch:
        new = Path(scratch, "content")
        for name, content in sources.items():
            path = new / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        _compile(checkout, new, target)
        try:
            new.rename(target)
        except OSError:
            if not target.exists():
                raise


def _link(checkout: Checkout, layer: str, packages: Path) -> Path:
    """A link to what lies unfolded on this machine instead of a copy.

    The emulator unpacks the layers anew for each of the many function processes: 100 MB, and of packages no compiled modules.
    The line stands in front of the path, for the emulator's own botocore is on it too.
    """
    link = f"import sys; sys.path.insert(0, {os.fspath(packages)!r})\n"
    return _zipped(checkout, layer, {f"python/lib/python3/site-packages/{Path(layer).stem}.pth": link.encode()})


def _sources(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in _deployed_files(folder)}


def _deployed_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.relative_to(folder).parts:
            yield path


def _compile(checkout: Checkout, folder: Path, final: Path) -> None:
    """Compile the modules with the emulator's interpreter, for the place where they will lie, never compared with their source."""
    compileall = ("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
    done = subprocess.run(  # noqa: S603 - the emulator's interpreter on our own files
        [checkout.emulator_python, *compileall, "-s", str(folder), "-p", str(final), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    if done.returncode:
        raise EmbeddedCloudError(f"our own layer does not compile: {done.stdout.strip()[-400:]}")


def _zipped(checkout: Checkout, name: str, sources: dict[str, bytes]) -> Path:
    cached = _cached(checkout, name, sources)
    return cached if cached.exists() else _write(cached, sources)


def _cached(checkout: Checkout, name: str, sources: dict[str, bytes]) -> Path:
    digest = hashlib.sha256(b"2")  # the layout of what this file makes
    for path, content in sorted(sources.items()):
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return checkout.build / "assets" / f"{Path(name).stem}-{digest.hexdigest()[:16]}.zip"


def _write(target: Path, sources: dict[str, bytes]) -> Path:
    """Write beside and rename: two runs may build the same asset at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=target.parent, suffix=".unfinished")
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in sorted(sources.items()):
            entry = zipfile.ZipInfo(path, _SAME_FOR_EVER)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 1)
    Path(unfinished).replace(target)
    return target
