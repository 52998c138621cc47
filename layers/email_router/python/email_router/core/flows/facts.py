"""Note what the questions looked at, small enough to lie in a trace, and make the message of it again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from email_router.core import identifiers
from email_router.core.case import Case, Lookup, Match
from email_router.core.ledger import Facts, Find, KnownEmail, LinkKind, Trace
from email_router.core.lookup_ids import nearest_references
from email_router.core.message import Address, DeliveryReport, Message, ReportedRecipient
from email_router.core.smart_hash import address_hash

_PEOPLE_KEPT = 250  # of a field; nobody reads further down a list of recipients
_KINDS_KEPT = 101  # more than 100 records stand for nobody, however many there are
_SAME_SUBJECT_KEPT = 3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Noting:
    """A lookup that answers as another one does, and notes what it found."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self.found: dict[tuple[LinkKind, str], tuple[KnownEmail, ...]] = {}

    def by_message_id(self, message_id: str) -> KnownEmail | None:
        """Return the e-mail with this Message-ID."""
        return self._one(LinkKind.MESSAGE_ID, message_id, self._lookup.by_message_id)

    def by_token(self, token: str) -> KnownEmail | None:
        """Return the newest e-mail with this token."""
        return self._one(LinkKind.TOKEN, token, self._lookup.by_token)

    def by_thread(self, thread: str) -> KnownEmail | None:
        """Return the newest e-mail of this conversation index."""
        return self._one(LinkKind.THREAD, thread, self._lookup.by_thread)

    def by_subject(self, subject_hash: str) -> Sequence[KnownEmail]:
        """Return the e-mails with this subject hash."""
        found = self._lookup.by_subject(subject_hash)
        if found:
            self.found[LinkKind.SUBJECT, subject_hash] = tuple(found)
        return found

    def _one(self, kind: LinkKind, value: str, ask: Callable[[str], KnownEmail | None]) -> KnownEmail | None:
        found = ask(value)
        if found:
            self.found[kind, value] = (found,)
        return found


def facts_of(case: Case, noted: Noting | None, first: Match | None, match: Match | None) -> Facts:
    """Return what the case holds for its questions; `noted` is what matching looked up, `first` the first copy's match where that counted."""
    message, fetched, report = case.message, case.fetched, case.message.delivery_report
    return Facts(
        received=fetched.received,
        size=fetched.size,
        complete=fetched.complete,
        wrapper=fetched.wrapper,
        date=message.date,
        author=message.author.address if message.author else "",
        sender=message.sender.address if message.sender and not message.author else "",
        to=_addresses(message.to),
        cc=_addresses(message.cc),
        bcc=_addresses(message.bcc),
        delivered_to=message.delivered_to[:_PEOPLE_KEPT],
        in_reply_to=message.in_reply_to or "",
        references=tuple(reversed(nearest_references(message))) or message.references[-1:],
        automatic=message.auto_submitted,
        bulk=message.bulk,
        unreadable=message.unreadable,
        defects=message.defects[:3] if message.unreadable else (),
        report=report.action if report else "",
        report_recipients=len(report.recipients) if report else 0,
        report_of=(report.original_message_id or "") if report else "",
        kinds=tuple(record.kind for record in case.sender_records[:_KINDS_KEPT]),
        own=case.own.activity if case.own else "",
        own_sender=case.own.sender if case.own else "",
        reported=case.reported.activity if case.reported else "",
        reported_by=case.reported_by,
        quoted=case.quoted,
        quick=case.quick,
        claimed=case.claim is not None,
        receipt=replace(case.receipt, key="") if case.receipt else None,
        finds=_finds(message, noted, match) if noted and noted.found else (),
        continues=(first.email.activity, first.method.value, first.rule) if first else (),
    )


def message_again(trace: Trace, facts: Facts) -> Message:
    """Return the message as far as any question looks at it; it has no body."""
    headers = dict(reversed(trace.headers))
    recipient = ReportedRecipient("", "", permanent=False)
    report = DeliveryReport(facts.report, (recipient,) * facts.report_recipients, facts.report_of or None)
    return Message(
        size=facts.size,
        message_id=trace.message_id,
        in_reply_to=facts.in_reply_to or None,
        references=facts.references,
        conversation_index=identifiers.conversation_index(headers.get("thread-index")),
        date=facts.date,
        subject=trace.subject,
        author=Address("", facts.author) if facts.author else None,
        sender=Address("", facts.sender) if facts.sender else None,
        to=_people(facts.to),
        cc=_people(facts.cc),
        bcc=_people(facts.bcc),
        delivered_to=facts.delivered_to,
        auto_submitted=facts.automatic,
        bulk=facts.bulk,
        delivery_report=report if facts.report else None,
        headers=trace.headers,
        defects=facts.defects,
        unreadable=facts.unreadable,
    )


def known_again(find: Find, message: Message) -> KnownEmail:
    """Return the e-mail that was found, with those of the message's people who took part in it."""
    people = _hashes(message)
    return KnownEmail(
        activity=find.activity,
        at=_EPOCH + timedelta(microseconds=find.at),
        token=find.token,
        topic=find.topic,
        words=find.words,
        participants=frozenset(people[place] for place in find.common if place < len(people)),
    )


def _finds(message: Message, noted: Noting, match: Match | None) -> tuple[Find, ...]:
    people = _hashes(message)
    finds = []
    for (kind, value), emails in noted.found.items():
        wanted = [one for one in emails if kind is not LinkKind.SUBJECT or not one.participants.isdisjoint(people)]
        kept = wanted[:_SAME_SUBJECT_KEPT]
        kept += [one for one in wanted[_SAME_SUBJECT_KEPT:] if match and one.activity == match.email.activity]
        finds += [_find(kind, value, one, people) for one in kept]
    return tuple(finds)


def _find(kind: LinkKind, value: str, email: KnownEmail, people: Sequence[str]) -> Find:
    common = {one: place for place, one in reversed(list(enumerate(people))) if one in email.participants}
    return Find(
        kind=kind,
        value=value,
        activity=email.activity,
        at=(email.at - _EPOCH) // timedelta(microseconds=1),
        token=email.token,
        topic=email.topic,
        words=email.words,
        common=tuple(sorted(common.values())),
    )


def _hashes(message: Message) -> list[str]:
    """Return the hashes of From, To, Cc and Bcc by their places; those of a From in doubt and of a blank are nobody's."""
    shown = [message.author.address if message.author else ""]
    for people in (message.to, message.cc, message.bcc):
        shown += [one.address for one in people[:_PEOPLE_KEPT]]
    return [address_hash(one) if one.strip() else "" for one in shown]


def _addresses(people: Iterable[Address]) -> tuple[str, ...]:
    return tuple(one.address for one in people)[:_PEOPLE_KEPT]


def _people(addresses: Iterable[str]) -> tuple[Address, ...]:
    return tuple(Address("", one) for one in addresses)
