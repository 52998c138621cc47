"""Build the layers without Docker: `python -m infra_cdk.layers [NAME]...` fills .build/lambda-NAME with what Lambda unpacks at /opt.

`email-router` is our own code; the packages of the others are wheels of layers/NAME/requirements.txt, by their hashes, for aarch64 and
Python 3.13 whatever this machine is.  The same sources and the same Python 3.13 give the same bytes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra_cdk.checkout import BUILT_LAYERS, CODE_LAYER, PACKAGE_LAYERS, built, requirements, source
from infra_cdk.layer_content import digest_of, settle, size_of
from infra_cdk.layer_python import compile_all, find_python
from infra_cdk.materials import write_bill

UNPACKED_LIMIT = 250 * 1024 * 1024
"""Bytes of a function with all its layers, unpacked (docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""
EVERYWHERE_LIMIT = 90 * 1000 * 1000
"""Bytes of our code and the runtime layer, compiled files included: every function has them, and each cold start reads them."""
NOT_DEPLOYED = ("cli", "__pycache__")


@dataclass(frozen=True, slots=True)
class Machine:
    """What wheels are taken for: a version of CPython and the platforms' tags."""

    python: str
    platforms: Sequence[str]


LAMBDA = Machine("3.13", ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_28_aarch64"))


@dataclass(frozen=True, slots=True)
class Bound:
    """The most bytes that a layer may have together with those beside it."""

    limit: int
    beside: Sequence[Path] = ()


def build(
    target: Path,
    packages: Path,
    *,
    bounds: Sequence[Bound] = (),
    compiler: str | None = None,
    machine: Machine = LAMBDA,
) -> int:
    """Build the layer of the lock `packages` at `target`, replacing what is there only when all of it succeeded; return its bytes.

    Its bill of materials lies beside it.

    Raises SystemExit when a package cannot be had, or the layer breaks a bound.
    """
    size = _make(target, lambda new: _install(packages, new, machine), bounds, compiler)
    write_bill(target / "python", target.with_name(f"{target.name}.cdx.json"))
    return size


def build_code(target: Path, code: Path, *, bounds: Sequence[Bound] = (), compiler: str | None = None) -> int:
    """Build the layer of our own code, the folder `code`, without the command line; else as `build`."""

    def fill(new: Path) -> None:
        shutil.copytree(code, new, ignore=shutil.ignore_patterns(*NOT_DEPLOYED))

    return _make(target, fill, bounds, compiler)


def bounds_of(layer: str) -> list[Bound]:
    """Return what a layer must keep to, with those that functions have at the same time."""
    everywhere = (CODE_LAYER, "runtime")
    bounds = [Bound(UNPACKED_LIMIT, [built(other) for other in BUILT_LAYERS if other != layer])]
    if layer in everywhere:
        bounds.append(Bound(EVERYWHERE_LIMIT, [built(other) for other in everywhere if other != layer]))
    return bounds


def _make(target: Path, fill: Callable[[Path], None], bounds: Sequence[Bound], compiler: str | None) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        new = Path(scratch, "python")
        fill(new)
        if compiler is not None:
            compile_all(new, compiler)
        settle(new)
        size = size_of(new)
        for bound in bounds:
            whole = size + sum(size_of(other) for other in bound.beside)
            if whole > bound.limit:
                beside = ", ".join(other.name for other in bound.beside)
                raise SystemExit(
                    f"{target.name} with {beside} has {whole:,} bytes, of at most {bound.limit:,}: drop a package"
                )
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        new.rename(target / "python")
    return size


def _install(packages: Path, target: Path, machine: Machine) -> None:
    """--no-compile: pip would compile with this machine's Python, whose .pyc files Lambda's does not read."""
    platforms = [option for platform in machine.platforms for option in ("--platform", platform)]
    done = subprocess.run(  # noqa: S603 - pip with our own list
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
            *("--require-hashes", "--only-binary", ":all:", "--no-deps", "--no-compile"),
            *("--implementation", "cp", "--python-version", machine.python, *platforms),
            *("--target", str(target), "--requirement", str(packages)),
        ],
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"the packages of {packages} could not be installed for {machine.platforms[0]}: see above")


def main() -> None:
    """Build the layers that are named, or all; `--python` names the interpreter that compiles them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layer", nargs="*", help=f"one of {', '.join(BUILT_LAYERS)}; none: all")
    parser.add_argument("--python", default=find_python(LAMBDA.python), help=f"a Python {LAMBDA.python}")
    chosen = parser.parse_args()
    if unknown := set(chosen.layer) - set(BUILT_LAYERS):
        parser.error(f"no layer is named {', '.join(sorted(unknown))}: expected some of {', '.join(BUILT_LAYERS)}")
    if chosen.python is None:
        told = f"no Python {LAMBDA.python} to compile with: the layers work, but their cold starts take longer\n"
        sys.stderr.write(told)
    for name in chosen.layer or BUILT_LAYERS:
        target, bounds = built(name), bounds_of(name)
        if name in PACKAGE_LAYERS:
            size = build(target, requirements(name), bounds=bounds, compiler=chosen.python)
        else:
            size = build_code(target, source(name) / "python", bounds=bounds, compiler=chosen.python)
        sys.stderr.write(f"built {target.name}: {size / 1e6:.1f} MB unpacked, sha256 {digest_of(target)[:16]}\n")
    everywhere = sum(size_of(built(name)) for name in (CODE_LAYER, "runtime"))
    sys.stderr.write(f"every function has {everywhere / 1e6:.1f} MB, of at most {EVERYWHERE_LIMIT / 1e6:.0f}\n")


if __name__ == "__main__":
    main()
