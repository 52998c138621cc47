"""Find the mailboxes that a command's arguments name: addresses, files of addresses, or all."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from email_router.cli.output import tell
from email_router.core.errors import ConfigurationError, MailboxBlocked
from email_router.core.mailbox import Mailbox, MailboxKind
from email_router.core.settings import Configuration


def addresses(words: Sequence[str], configuration: Configuration) -> list[str]:
    """Return the addresses that the words name: @FILE stands for the lines of a file; # begins a comment there.

    Each mailbox is named once, by its own address, though it was given by aliases too: no two may work on it at a time.  Ends the command
    with 1 when a file cannot be opened.
    """
    given = [address for word in words for address in (_lines(word[1:]) if word.startswith("@") else [word.strip()])]
    found = [box.address if (box := configuration.mailbox(address)) else address for address in given]
    return list({address.casefold(): address for address in found}.values())


def configured(configuration: Configuration, address: str) -> Mailbox:
    """Return the mailbox of this address or alias.  Raises MailboxBlocked "not_configured", naming those that look like it."""
    mailbox = configuration.mailbox(address)
    if mailbox is not None:
        return mailbox
    near = difflib.get_close_matches(address.casefold(), [box.key for box in configuration.mailboxes], 1)
    mend = f"Did you mean {near[0]}?" if near else "Add it to [[mailboxes]] and publish."
    raise MailboxBlocked(f"{address}: no mailbox of this address is configured", kind="not_configured", mend=mend)


def wanted(words: Sequence[str], configuration: Configuration, *, everybody: bool) -> list[str]:
    """Return the addresses that are named, or all users' and queues'.  Raises ConfigurationError when both are asked for, or none."""
    if bool(words) == everybody:
        raise ConfigurationError("expected addresses (or @FILE, a file of addresses), or --all; not both")
    people = [box.address for box in configuration.mailboxes if box.kind is not MailboxKind.FORWARD]
    found = people if everybody else addresses(words, configuration)
    if not found:
        raise ConfigurationError("these arguments name no mailbox")
    return found


def _lines(name: str) -> Iterator[str]:
    try:
        text = Path(name).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as failure:
        tell(
            f"{name}: cannot be opened: {failure.strerror if isinstance(failure, OSError) else 'it is not UTF-8 text'}"
        )
        raise typer.Exit(1) from failure
    for line in text.splitlines():
        address = line.partition("#")[0].strip()
        if address:
            yield address
