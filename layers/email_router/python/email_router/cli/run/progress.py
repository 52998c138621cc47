"""Show on a terminal what is being done, on standard error; say nothing where nobody looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from email_router.cli.output import errors


@contextmanager
def live(first: str) -> Iterator[Callable[[str], None]]:
    """Show one line that changes: call what is given with the new text."""
    console = errors()
    if not console.is_terminal:
        yield lambda _text: None
        return
    with console.status(first) as status:
        yield status.update
