"""Find a Python of Lambda's version, and compile a layer with it: a cold start is billed, and without .pyc files it compiles anew."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_ASK = "import sys; print('%d.%d' % sys.version_info[:2])"


def find_python(version: str) -> str | None:
    """Return the first Python of this version on the path, or among pyenv's, that starts: a version manager's stand-in may not."""
    name = f"python{version}"
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    folders += sorted(pyenv.glob(f"{version}.*/bin"), reverse=True)
    return next((str(path) for path in (folder / name for folder in folders) if _is(path, version)), None)


def compile_all(packages: Path, python: str) -> None:
    """Compile every module for /opt/python.  Raises SystemExit when one does not compile.

    unchecked-hash: the files' dates are nothing to go by once they went through an archive.  One process, in the order of the names and with
    one seed, so that the same sources give the same bytes.
    """
    options = ["-q", "-j", "1", "--invalidation-mode", "unchecked-hash", "-s", str(packages), "-p", "/opt/python"]
    command = [python, "-m", "compileall", *options, str(packages)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONHASHSEED"] = "0"
    done = subprocess.run(command, env=environment, check=False)  # noqa: S603 - an interpreter that the operator named
    if done.returncode:
        raise SystemExit(f"{python} could not compile the packages: see above")


def _is(path: Path, version: str) -> bool:
    if not path.is_file():
        return False
    answer = subprocess.run([path, "-c", _ASK], capture_output=True, text=True, check=False)  # noqa: S603 - a Python on the path
    return answer.stdout.strip() == version
