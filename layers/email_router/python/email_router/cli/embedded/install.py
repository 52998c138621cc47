"""Install what make needs, each step once: `python3 -I install.py demo|dev|layers`, run as a file before there is any environment.

A step is done when its stamp names what it was made from: the requirement files, the interpreter and the place.  The stamp lies
inside what the step makes, so that removing the one removes the other.  All output goes to standard error.  Standard library only.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[6]
VENV = ROOT / ".venv"
EMULATOR = VENV / "ministack"
BUILD = ROOT / ".build"
RUNTIME = "layers/runtime/requirements.txt"
EXCHANGE = "layers/exchange/requirements.txt"


class SetupFailedError(Exception):
    """A step failed; the text says which and what to do."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to install: `target` is made by `make` from the files `sources`."""

    name: str
    tells: str
    target: Path
    sources: Sequence[str]
    make: Callable[[], None]

    def run(self) -> None:
        """Do it, unless it was done from the same sources."""
        wanted = self._digest()
        stamp = self.target / f".made-{self.name}"
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        sys.stderr.write(f"setup: {self.tells} ...\n")
        stamp.unlink(missing_ok=True)
        self.make()
        stamp.write_text(wanted)

    def _digest(self) -> str:
        digest = hashlib.sha256(f"{interpreter()} {self.target}".encode())
        for source in self.sources:
            digest.update((ROOT / source).read_bytes())
        return digest.hexdigest()


Lane = Sequence[Step]
"""Steps that are made one after the other."""

Stage = Sequence[Lane]
"""Lanes that are made side by side: no two of them write in one environment."""


def command() -> None:
    """The environment of the command and the demo, with our own code as it lies in the checkout."""
    environment(VENV)
    locked(VENV, "requirements/demo.txt")
    install(VENV, "--no-deps", "--no-build-isolation", "--editable", ".")
    find_exchange()


def exchange() -> None:
    """What speaks EWS: installed once, for the functions; the command and the tests find it there."""
    folder(BUILD / "exchange", EXCHANGE)()
    find_exchange()


def find_exchange() -> None:
    """Let the command's environment find what speaks EWS."""
    for packages in VENV.glob("lib/python*/site-packages"):
        (packages / "exchange.pth").write_text(f"{BUILD / 'exchange' / 'python'}\n")


def emulator() -> None:
    """The AWS emulator's environment: of its own, for it pins botocore."""
    environment(EMULATOR)
    locked(EMULATOR, "requirements/ministack.txt")


def development() -> None:
    """The tools of the tests and checks, on top of the demo's environment."""
    locked(VENV, "requirements/dev.txt")


def graph_client() -> None:
    """Microsoft's own client of Graph for the tests: 17,000 modules."""
    locked(VENV, "requirements/graph_sdk.txt")


def dataverse_client() -> None:
    """Microsoft's own client of Dataverse for the tests; it brings pandas."""
    locked(VENV, "requirements/dataverse_client.txt")


def folder(target: Path, requirements: str) -> Callable[[], None]:
    """A step's work: the libraries of a layer in `target`/python, put in place whole or not at all."""

    def fill() -> None:
        new, final = target / "python.new", target / "python"
        shutil.rmtree(new, ignore_errors=True)
        locked(VENV, requirements, "--target", str(new))
        shutil.rmtree(final, ignore_errors=True)
        new.rename(final)

    return fill


def layer_for_lambda(name: str) -> Callable[[], None]:
    """A step's work: a layer of wheels for Lambda, compiled where a Python of Lambda's version is at hand."""

    def build() -> None:
        advice = "see the words above; it needs a package index (network, proxy, PIP_INDEX_URL) and room on the disk"
        run([str(VENV / "bin" / "python"), "-m", "infra_cdk.layers", name], advice)

    return build


def our_code() -> Sequence[str]:
    """Every file of our own layer, without what is compiled."""
    files = (ROOT / "layers" / "email_router").rglob("*")
    return sorted(str(file.relative_to(ROOT)) for file in files if file.is_file() and file.suffix != ".pyc")


COMMAND = Step("demo", "the command and the demo", VENV, ("requirements/demo.txt", "pyproject.toml"), command)
FOR_FUNCTIONS = (
    Step("emulator", "the AWS emulator", EMULATOR, ("requirements/ministack.txt",), emulator),
    Step(
        "runtime",
        "the functions' libraries for this machine",
        BUILD / "runtime",
        (RUNTIME,),
        folder(BUILD / "runtime", RUNTIME),
    ),
    Step("exchange", "the libraries that speak to Exchange servers", BUILD / "exchange", (EXCHANGE,), exchange),
)
FOR_TESTS = (
    Step("dev", "the tools of tests and checks", VENV, ("requirements/dev.txt", "pyproject.toml"), development),
    Step("graph-client", "Microsoft's client of Graph", VENV, ("requirements/graph_sdk.txt",), graph_client),
    Step(
        "dataverse-client",
        "Microsoft's client of Dataverse",
        VENV,
        ("requirements/dataverse_client.txt",),
        dataverse_client,
    ),
)
LAMBDA = {name: BUILD / f"lambda-{name}" for name in ("email-router", "runtime", "exchange")}
BUILDER = ("infra_cdk/layers.py", "infra_cdk/layer_content.py", "infra_cdk/layer_python.py", "infra_cdk/materials.py")
FOR_LAMBDA = (
    Step(
        "layer",
        "the functions' libraries for Lambda",
        LAMBDA["runtime"],
        (RUNTIME, *BUILDER),
        layer_for_lambda("runtime"),
    ),
    Step(
        "layer",
        "the libraries of Exchange servers for Lambda",
        LAMBDA["exchange"],
        (EXCHANGE, *BUILDER),
        layer_for_lambda("exchange"),
    ),
    Step(
        "layer",
        "our own code for Lambda",
        LAMBDA["email-router"],
        (*our_code(), *BUILDER),
        layer_for_lambda("email-router"),
    ),
)
PLANS: dict[str, tuple[Stage, ...]] = {
    "demo": (((COMMAND,),), (FOR_FUNCTIONS,)),
    "dev": (((COMMAND,),), (FOR_TESTS, FOR_FUNCTIONS)),
    "layers": (((COMMAND,),), (FOR_TESTS, FOR_FUNCTIONS), (FOR_LAMBDA,)),
}


def interpreter() -> str:
    """The interpreter of all environments: the one of the demo's as long as it runs, for they must have the same."""
    standing = VENV / "bin" / "python"
    works = [str(standing), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    if standing.exists() and subprocess.run(works, check=False).returncode == 0:  # noqa: S603 - our own environment
        return os.path.realpath(standing)
    return os.path.realpath(sys.executable)


def environment(path: Path) -> None:
    """Make a virtual environment, or a new one where the interpreter of the old one is gone or another."""
    python, wanted = path / "bin" / "python", interpreter()
    if python.exists() and os.path.realpath(python) == wanted:
        return
    # Only the environment's own parts go: the emulator's environment lies within the demo's.
    for part in ("bin", "lib", "lib64", "include", "pyvenv.cfg"):
        old = path / part
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
    run([wanted, "-m", "venv", str(path)], "on Debian and Ubuntu, install the package python3-venv")


def locked(environment_path: Path, requirements: str, *arguments: str) -> None:
    """Install what a file of hashes names and nothing else: it is whole, so pip need not ask who needs whom.

    Modules are compiled when they are first imported: of many packages the most part never is.
    """
    exactly = ("--require-hashes", "--no-deps", "--no-compile")
    install(environment_path, "--requirement", requirements, *exactly, *arguments)


def install(environment_path: Path, *arguments: str) -> None:
    """Let the environment's own pip install, quietly."""
    pip = [str(environment_path / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input", "--prefer-binary"]
    advice = "see pip's words above; it needs a package index (network, proxy, PIP_INDEX_URL) and room on the disk"
    run([*pip, "--disable-pip-version-check", *arguments], advice)


def run(words: Sequence[str], advice: str) -> None:
    """Run a program in the checkout, its output on standard error."""
    clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"}}
    done = subprocess.run(words, cwd=ROOT, env=clean, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)  # noqa: S603
    if done.returncode:
        raise SetupFailedError(
            f"{' '.join(words[:4])} ... ended with {done.returncode}: {advice}. Then run make setup again."
        )


def side_by_side(stage: Stage) -> None:
    """Run the lanes of a stage at once; raise what the first of them raised when all have ended."""

    def one(lane: Lane) -> None:
        for step in lane:
            step.run()

    with ThreadPoolExecutor(len(stage)) as threads:
        running = [threads.submit(one, lane) for lane in stage]
    for lane in running:
        lane.result()


def main() -> int:
    """Run the steps of the plan named on the command line, one set-up at a time in a checkout."""
    try:
        for target in (BUILD / "runtime", BUILD / "exchange", *LAMBDA.values()):
            target.mkdir(parents=True, exist_ok=True)
        with (BUILD / "setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for stage in PLANS[sys.argv[1]]:
                side_by_side(stage)
    except (SetupFailedError, OSError) as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
