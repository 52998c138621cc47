"""Give a lease back after a pass that did not come to its end."""

from __future__ import annotations

from email_router.core.mailbox_state import Lease, PassRecord
from email_router.core.ports import MailboxStates

_DIED = "a worker died here"
"""A mark of no message: the next pass goes carefully."""


def give_back(states: MailboxStates, lease: Lease, record: PassRecord) -> bool:
    """Release the lease and write the record; tell whether somebody asked for another round in the meantime.

    That a worker died, and the marks of messages that ended earlier workers, are written again: an error says nothing of them, and
    a message that kills must not begin anew whenever its server was away in between.  Raises StaleWorker once the token has moved on.
    """
    asked = False
    while not states.release(lease, record):
        asked = True
    marks = lease.state.attempts or ({_DIED: 1} if lease.crashed else {})
    for source_id, begun in marks.items():
        for _ in range(begun):
            states.begin(lease, source_id)
    return asked
