"""Find what the embedded cloud needs in the checkout: template, sources, emulator, layers of packages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from email_router.cli.embedded.trouble import EmbeddedCloudError

_FLOORS_UP_TO_THE_ROOT = 6
"""layers/email_router/python/email_router/cli/embedded/checkout.py: the root is seven names up, parents[6]."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """The folders of one working copy.  The layer deployed to AWS leaves cli/ out, so this is never asked there."""

    root: Path

    @classmethod
    def find(cls) -> Checkout:
        """The working copy this code is imported from; a wheel or a copied layer has none and says so."""
        checkout = cls(Path(__file__).resolve().parents[_FLOORS_UP_TO_THE_ROOT])
        if not (checkout.root / "pyproject.toml").is_file() or not checkout.functions.is_dir():
            raise EmbeddedCloudError(
                f"demo and local run the stack from a checkout, and {checkout.root} is none. "
                "Clone the repository and run .venv/bin/email-router there after make setup."
            )
        return checkout

    @property
    def template(self) -> Path:
        """The committed CloudFormation template (written by make synth)."""
        return self.root / "infra_cdk" / "template.json"

    @property
    def functions(self) -> Path:
        """One folder for each Lambda function."""
        return self.root / "functions"

    @property
    def code(self) -> Path:
        """Our own layer; its sub-folder python/ lands at /opt/python."""
        return self.root / "layers" / "email_router"

    @property
    def build(self) -> Path:
        """What can be made again at any time."""
        return self.root / ".build"

    @property
    def runtime(self) -> Path:
        """The libraries of every function, installed for this machine by make setup."""
        return self._made_by_setup(self.build / "runtime" / "python")

    @property
    def exchange(self) -> Path:
        """The libraries that speak to Exchange servers, for this machine."""
        return self._made_by_setup(self.build / "exchange" / "python")

    @property
    def emulator_python(self) -> Path:
        """The interpreter of the emulator's own environment; it runs the functions too."""
        return self._made_by_setup(self.root / ".venv" / "ministack" / "bin" / "python")

    def _made_by_setup(self, path: Path) -> Path:
        if not path.exists():
            raise EmbeddedCloudError(f"the embedded cloud is not installed ({path} is missing): run make setup")
        return path
