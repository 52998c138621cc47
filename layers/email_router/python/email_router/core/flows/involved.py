"""Learn who takes part in the new e-mails of a page, what they are about and who owns them; make the senders that nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from email_router.core.activity import About, NewPerson, Record
from email_router.core.automatic_policy import is_from_a_machine
from email_router.core.flows.incoming import Decision, Incoming
from email_router.core.flows.ruling import decides
from email_router.core.mailbox import CreateSender
from email_router.core.parties import choose_sender, mailbox_owner_of, owner_of


@dataclass(frozen=True, slots=True)
class Involved:
    """The active records of the page's addresses, and what each activity that the page makes or touches is about."""

    records: Mapping[str, tuple[Record, ...]] = field(default_factory=dict)
    about: Mapping[str, About] = field(default_factory=dict)


def involved_in(incoming: Incoming, decisions: Sequence[Decision]) -> Involved:
    """Ask the CRM in one batch for the records that deciding has not asked for, in one more for the e-mails that are continued.

    Unknown senders are made here, before the activities: if the worker dies in between, a record is left that the next pass finds.
    """
    making = [one for one in decisions if one.claim is None]
    records = _records(incoming, making)
    strangers = list(_strangers(incoming, making, records))
    if strangers:
        records |= incoming.crm.create_people(strangers)
    return Involved(records, _about(incoming, decisions, records))


def _records(incoming: Incoming, decisions: Sequence[Decision]) -> dict[str, tuple[Record, ...]]:
    if decides(incoming.crm):
        return {}
    asked = {address: found for one in decisions for address, found in one.people.items()}
    missing = sorted(_addresses(decisions) - asked.keys())
    known = asked | (dict(incoming.crm.resolve(tuple(missing))) if missing else {})
    return {address: found for address, found in known.items() if found}


def _addresses(decisions: Sequence[Decision]) -> set[str]:
    found = set()
    for one in decisions:
        message = one.draft.message
        found |= {address.key for address in message.recipients}
        found |= {message.author.key} if message.author else set()
    return found


def _strangers(
    incoming: Incoming, decisions: Sequence[Decision], records: Mapping[str, tuple[Record, ...]]
) -> Iterator[NewPerson]:
    """Yield whom a record is to be made of; of several mails of one stranger the first gives name and owner."""
    for one in decisions:
        author, kind = one.draft.message.author, one.draft.mailbox.create_sender
        if author is None or kind is CreateSender.NONE or not _from_a_person(one):
            continue
        if author.key in records or incoming.configuration.mailbox(author.address):
            continue
        owner = mailbox_owner_of(one.draft.mailbox)
        yield NewPerson(author.address.strip(), kind.value, author.name.strip() or author.address.strip(), owner)


def _from_a_person(decision: Decision) -> bool:
    message = decision.draft.message
    return not (decision.unmatched or message.bulk or is_from_a_machine(message))


def _about(
    incoming: Incoming, decisions: Sequence[Decision], records: Mapping[str, tuple[Record, ...]]
) -> dict[str, About]:
    """What each matched e-mail is about; an e-mail of this very page is about what its own match is about."""
    making = {one.activity for one in decisions if one.activity and one.claim is None}
    asked = {one.match.email.activity for one in decisions if one.match} - making
    asked |= {one.activity for one in decisions if one.claim and one.activity}
    known: dict[str, About] = dict(incoming.crm.about(tuple(sorted(asked)))) if asked else {}
    for one in decisions:
        if one.activity and one.claim is None:
            parent = known.get(one.match.email.activity, About()) if one.match else About()
            owner = _owner(incoming, one, records, parent.owner)
            known[one.activity] = About(parent.regarding, owner, parent.inactive)
    return known


def _owner(
    incoming: Incoming, decision: Decision, records: Mapping[str, tuple[Record, ...]], correlated_owner: str
) -> str:
    draft, configuration = decision.draft, incoming.configuration
    found = records.get(draft.message.author.key, ()) if draft.message.author else ()
    sender = choose_sender(found, mailbox_owner_of(draft.mailbox), configuration.tracking)
    return owner_of(draft.message, configuration, draft.mailbox, sender=sender, correlated_owner=correlated_owner)
