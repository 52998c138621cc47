"""Do with delivered messages what after_delivery says, once a state that was saved and read back holds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from email_router.cli.backend import PARAMETERS, of_cloud
from email_router.cli.embedded.session import EmbeddedCloud
from email_router.cli.kept_passwords import KeptPasswords
from email_router.cli.output import tell
from email_router.core.errors import RouterError
from email_router.core.ledger import Outcome, Trace
from email_router.core.mailbox import AfterDelivery, Direction, Mailbox, MailboxKind
from email_router.core.ports import MailSource, Reach
from email_router.wiring import registry
from email_router.wiring.configuration import Loaded
from email_router.wiring.passwords import MailboxPasswords, NoPasswords, secret_of

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_GONE = frozenset({Outcome.DELIVERED, Outcome.ATTACHED})


def dispose(loaded: Loaded, state: Path) -> bool:
    """Dispose of what the saved state holds; False when a mailbox could not be reached.

    The state is read from the folder into a new embedded cloud: what is not on the disk is not there and stays in its mailbox.
    Repeatable; a message that is gone already is no error.
    """
    organisation = loaded.configuration.organisation
    with EmbeddedCloud(folder=state, parameters=PARAMETERS) as cloud:
        traces = of_cloud(cloud).services.ledger(organisation).traces_since(_LONG_AGO)
    passwords = KeptPasswords(state, organisation)
    done = [
        _dispose(loaded, box, ids, passwords) for box, ids in settled(loaded, traces)
    ]  # all of them, whatever one says
    return all(done)


def settled(loaded: Loaded, traces: Sequence[Trace]) -> list[tuple[Mailbox, list[str]]]:
    """Return each mailbox that is to be tidied, with the source's ids of the messages that are settled there."""
    by_mailbox: dict[str, list[str]] = defaultdict(list)
    forwarded = []
    # A server may give the id of a message that is gone to another one: the newest trace of a place tells what lies there.
    newest = {(trace.receiving or trace.mailbox, trace.source_id): trace for trace in traces}
    for trace in newest.values():
        if trace.source == "forward":
            forwarded += [trace.source_id] * (trace.outcome not in {Outcome.FAILED, Outcome.QUARANTINED})
        elif trace.outcome in _GONE or (trace.reason == "duplicate" and trace.activity):
            by_mailbox[trace.mailbox].append(trace.source_id)
    tidied = [
        box for box in loaded.configuration.mailboxes if box.incoming and box.after_delivery is not AfterDelivery.LEAVE
    ]
    return [(box, forwarded if box.kind is MailboxKind.FORWARD else by_mailbox[box.key]) for box in tidied]


def _dispose(loaded: Loaded, mailbox: Mailbox, source_ids: list[str], passwords: MailboxPasswords) -> bool:
    if not source_ids:
        return True
    try:
        source = source_of(loaded, mailbox, passwords)
        try:
            source.dispose(source_ids, mailbox.after_delivery)
        finally:
            source.close()
    except RouterError as trouble:
        tell(f"{mailbox.address}: its messages stay where they are: {trouble} {trouble.mend}".strip())
        return False
    tell(f"{mailbox.address}: {mailbox.after_delivery.value} of {len(source_ids)} delivered messages")
    return True


def source_of(loaded: Loaded, mailbox: Mailbox, passwords: MailboxPasswords | None = None) -> MailSource:
    """Open the mailbox by the adapter that it is read by.  Raises RouterError."""
    profile = loaded.configuration.profile(mailbox.incoming, Direction.INCOMING)
    if profile is None:
        raise RouterError(f"{mailbox.address}: its incoming profile {mailbox.incoming} is not configured")
    reach = Reach(loopback=True, private=tuple(PARAMETERS["AllowedNetworks"].split(",")))
    make = registry.adapter(registry.SOURCES, registry.kind_of(profile))
    secret = secret_of(profile, mailbox, passwords or NoPasswords(), lambda: loaded.secrets.get(profile.secret, ""))
    source: MailSource = make(profile, mailbox, secret, reach)
    return source
