"""Build the layers of packages without Docker: `python -m infra_cdk.layers [NAME]...` fills .build/lambda-NAME with wheels for Lambda.

The wheels are those of layers/NAME/requirements.txt, by their hashes, for aarch64 and Python 3.13 whatever this machine is.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from infra_cdk.checkout import BUILT_LAYERS, built, requirements

PYTHON = "3.13"
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64")
UNPACKED_LIMIT = 250 * 1024 * 1024
"""Bytes of a function with all its layers, unpacked (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""


def build(target: Path, packages: Path, *, beside: Sequence[Path] = (), compiler: str | None = None) -> int:
    """Build the layer of the lock `packages` at `target`, replacing what is there only when all of it succeeded; return its bytes.

    `beside` are the layers that a function has at the same time.  Raises SystemExit when the function would be too large.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        new = Path(scratch, "python")
        _install(packages, new)
        shutil.rmtree(new / "bin", ignore_errors=True)  # commands of the packages: nobody calls them there
        _compile(new, compiler)
        size = size_of(new)
        whole = size + sum(size_of(other) for other in beside)
        if whole > UNPACKED_LIMIT:
            raise SystemExit(
                f"the layers have {whole:,} bytes together, Lambda allows {UNPACKED_LIMIT:,}: drop a package"
            )
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        new.rename(target / "python")
    return size


def size_of(folder: Path) -> int:
    """Return the bytes of all files below a folder; none where it is not there."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _install(packages: Path, target: Path) -> None:
    """--no-compile: pip would compile with this machine's Python, whose .pyc files Lambda's does not read."""
    platforms = [option for platform in PLATFORMS for option in ("--platform", platform)]
    done = subprocess.run(  # noqa: S603 - pip with our own list
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile"),
            *("--implementation", "cp", "--python-version", PYTHON, *platforms),
            *("--target", str(target), "--requirement", str(packages)),
        ],
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the packages of {packages} could not be installed for {PLATFORMS[0]}: see above")


def _compile(packages: Path, python: str | None) -> None:
    """Compile with a Python of Lambda's version: a cold start is billed, and without .pyc files it compiles everything anew."""
    if python is None or not _runs(python):
        sys.stderr.write(f"no Python {PYTHON} to compile with: the layer works, but its cold starts take longer\n")
        return
    # unchecked-hash: the files' dates are nothing to go by once they went through an archive.
    options = ["-q", "--invalidation-mode", "unchecked-hash", "-s", str(packages), "-p", "/opt/python"]
    command = [python, "-m", "compileall", *options, str(packages)]
    done = subprocess.run(command, check=False)  # noqa: S603 - an interpreter that the operator named
    if done.returncode:
        raise SystemExit(f"{python} could not compile the packages: see above")


def _runs(python: str) -> bool:
    """Tell whether this is a Python of Lambda's version that starts: a version manager's stand-in on the path may not."""
    ask = "import sys; print('%d.%d' % sys.version_info[:2])"
    command = [python, "-c", ask]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - as above
    return answer.stdout.strip() == PYTHON


def main() -> None:
    """Build the layers that are named, or all; `--python` names the interpreter that compiles them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", nargs="*", help=f"one of {', '.join(BUILT_LAYERS)}; none: all")
    parser.add_argument("--python", default=shutil.which(f"python{PYTHON}"), help=f"a Python {PYTHON}")
    chosen = parser.parse_args()
    if unknown := set(chosen.layer) - set(BUILT_LAYERS):
        parser.error(f"no layer is named {', '.join(sorted(unknown))}: expected some of {', '.join(BUILT_LAYERS)}")
    for name in chosen.layer or BUILT_LAYERS:
        beside = [built(other) for other in BUILT_LAYERS if other != name]
        size = build(built(name), requirements(name), beside=beside, compiler=chosen.python)
        sys.stderr.write(f"built {built(name).name}: {size / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
