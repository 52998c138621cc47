"""What mail protocols have in common where a session opens: the line is let go when that fails, and STARTTLS is not optional."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from email_router.core.errors import ConfigurationError, MailboxBlocked, RouterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from email_router.edge.connect.line import Line


@contextmanager
def opening(line: Line) -> Iterator[None]:
    """Close the line when the session does not come about; the error goes on to whoever asked for it."""
    try:
        yield
    except (RouterError, ConfigurationError):
        line.close()
        raise


def no_starttls(line: Line, said: str, *, command: str, tls_port: int) -> MailboxBlocked:
    """Name a server that refuses STARTTLS with these words; `command` is what its protocol calls it, `tls_port` where TLS is implicit."""
    return MailboxBlocked(
        f"{line.name}: the server refuses STARTTLS: {said}",
        kind="starttls",
        mend=f'Allow {command} on the server, or set security = "tls" with port {tls_port}.',
    )
