"""What connections are told to keep to, and whom they tell of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from email_router.core.access_steps import Certificate, StepName


class Witness(Protocol):
    """Is told how connections come about, as it happens; only a test of access has one."""

    looks_at: str
    """A host whose certificate is only looked at: a line to it is closed once it has shown one, proven or not.  Empty: none."""

    def resolving(self, host: str) -> None:
        """Be told that a host is looked up now."""

    def resolved(self, host: str, addresses: Sequence[tuple[str, str]]) -> None:
        """Be told a host's addresses, each with why the router may connect to it."""

    def connected(self, host: str, port: int, address: str) -> None:
        """Be told to which of them a connection stands."""

    def secured(self, certificate: Certificate) -> None:
        """Be told that the server has proven who it is."""

    def presented(self, certificate: Certificate) -> None:
        """Be told what the host that is looked at shows; nothing is proven by it."""

    def left_out(self, name: StepName, why: str) -> None:
        """Be told that a step is not taken."""

    def granted(self, words: str) -> None:
        """Be told that there is a token: for whom, and what it allows; never the token."""

    def authenticated(self, words: str) -> None:
        """Be told who has logged in, by which method; never a secret."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Which addresses the router may connect to, and who is told of it, if anybody.

    Loopback only in local runs, private networks (CIDR) only those of the stage; link-local and metadata addresses never.
    """

    loopback: bool = False
    private: tuple[str, ...] = ()
    witness: Witness | None = field(default=None, compare=False)
