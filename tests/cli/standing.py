"""A stack that stands, reached as one on AWS is: by credentials, region and name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from email_router.cli.backend import PARAMETERS, of_cloud
from email_router.cli.embedded.session import EmbeddedCloud
from email_router.cli.place import Place
from tests.cli.example import VARIABLES, write_example
from tests.cli.running import Ran, run

ACCOUNT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@dataclass
class Stack:
    """The folder that commands run in, and the cloud that holds the stores."""

    folder: Path
    variables: dict[str, str]
    cloud: EmbeddedCloud

    def run(self, *arguments: str) -> Ran:
        """Run a command on the stack."""
        return run(*arguments, "--stack", "email-router", folder=self.folder, variables=self.variables)

    @property
    def place(self) -> Place:
        """The organisation as commands work on it."""
        return of_cloud(self.cloud).organisation()


@contextmanager
def standing(folder: Path) -> Iterator[Stack]:
    """Let a stack stand in the emulator; the example's file lies in the folder, not published yet."""
    write_example(folder)
    with EmbeddedCloud() as cloud:
        yield Stack(folder, {**ACCOUNT, **VARIABLES, "AWS_ENDPOINT_URL": cloud.stack.endpoint.url}, cloud)


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Hold what is stored in the folder: commands join the process that does, which spares each of them a cloud of its own."""
    with EmbeddedCloud(folder=state, parameters=PARAMETERS, stores_only=True):
        yield
