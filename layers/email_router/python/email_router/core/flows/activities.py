"""Make the e-mail activity of a decision, and the trace that explains it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from email_router.core.activity import (
    About,
    CorrelationMethod,
    EmailActivity,
    EmailStatus,
    Record,
    StoredAttachment,
)
from email_router.core.automatic_policy import is_from_a_machine
from email_router.core.flows.incoming import Decision, received
from email_router.core.ledger import Claim, Receipt, Trace, source_mark
from email_router.core.mailbox import Direction
from email_router.core.matching import MARKED
from email_router.core.message import Attachment
from email_router.core.parties import in_doubt, mailbox_owner_of, parties_of
from email_router.core.settings import Configuration

_HEADERS_KEPT = 200
_NOT_KEPT = ("dkim-signature", "arc-", "x-ms-exchange-", "x-google-", "x-microsoft-antispam", "x-forefront-antispam")
"""Signatures and filters' notes: no question looks at them, and they are most of a header."""
_HEADER_LENGTH_KEPT = 2_000


def attachment_blob(attachment: Attachment) -> str:
    """Return the blob key of an attachment: its content's digest, so that equal files are stored once."""
    return f"attachment/{attachment.sha256}"


def raw_blob(decision: Decision) -> str:
    """Return the blob key under which a message's raw bytes are kept; a copy that says something else has its own."""
    return (
        f"raw/{decision.key}/{decision.draft.key.content[:16]}" if decision.content_differs else f"raw/{decision.key}"
    )


def own_blob(decision: Decision) -> str:
    """Return the blob key under which the bytes of a message are kept that is no activity: its own, whoever else bears its id.

    What a forward mailbox could not unwrap is kept with its wrapper, and its key says so.
    """
    wrapper = decision.draft.fetched.wrapper
    wrapped = "/wrapped" if wrapper and not wrapper.found else ""
    return f"raw/{decision.key}/{source_mark(f'{decision.draft.mailbox.key} {decision.draft.mark}')}{wrapped}"


def entry_id(key: str, mailbox: str, source_id: str) -> str:
    """Return the id of a quarantined message: the same whenever it is set aside, another for each message of a mailbox."""
    return f"{key[:16]}-{mailbox}-{source_mark(source_id)[:6]}"


def stored(attachment: Attachment) -> StoredAttachment:
    """Return the attachment as the activity keeps it, its bytes in the blob store."""
    return StoredAttachment(
        name=attachment.name,
        media_type=attachment.media_type,
        size=attachment.size,
        sha256=attachment.sha256,
        inline=attachment.inline,
        content_id=attachment.content_id,
        blob=attachment_blob(attachment),
    )


def make_activity(
    decision: Decision,
    configuration: Configuration,
    records: Mapping[str, tuple[Record, ...]],
    about: About,
    raw: str | None,
    now: datetime,
) -> EmailActivity:
    """Return the incoming e-mail activity of a decision that delivers; `about` tells what it is about and who owns it."""
    draft, message, match = decision.draft, decision.draft.message, decision.match
    doubt = ("sender unresolved: several records", in_doubt(message, records, configuration.tracking))
    closed = ("regarding is inactive", about.inactive)
    flags = [name for name, is_set in (*flags_of(decision), doubt, closed) if is_set]
    return EmailActivity(
        id=decision.activity or "",
        direction=Direction.INCOMING,
        status=EmailStatus.RECEIVED,
        subject=message.subject,
        message_id=message.message_id,
        in_reply_to=message.in_reply_to,
        references=message.references,
        parties=parties_of(message, records, mailbox_owner_of(draft.mailbox), configuration.tracking),
        reply_to=message.reply_to,
        regarding=about.regarding,
        correlation_method=match.method if match else CorrelationMethod.NONE,
        correlated=match.email.activity if match else None,
        tracking_token=decision.token,
        conversation_index=message.conversation_index.hex() if message.conversation_index else None,
        date=message.date,
        received=received(draft, now),
        created=now,
        text=message.text,
        html=message.html,
        attachments=tuple(stored(one) for one in message.attachments),
        owner=about.owner,
        mailbox=draft.mailbox.key,
        importance=message.importance.value,
        flags=tuple(flags),
        defects=message.defects,
        raw=raw,
        automatic=is_from_a_machine(message),
    )


def flags_of(decision: Decision) -> tuple[tuple[str, bool], ...]:
    """Return what a reader of the activity should know, each with whether it holds."""
    message = decision.draft.message
    return (
        ("message-id collision", decision.collided),
        ("no message-id", message.message_id is None),
        ("headers only", not decision.draft.fetched.complete),
        ("defects", bool(message.defects)),
        ("automatic", is_from_a_machine(message)),
        ("subject changed", decision.match is not None and decision.match.subject_changed),
        ("for review", any(one.answer == MARKED for one in decision.answers)),
    )


def keeps_raw(decision: Decision, *, always: bool) -> bool:
    """Tell whether the raw bytes are kept: when the profile says so, or when the activity may not tell the whole mail."""
    cut = any(defect.startswith("over limit") for defect in decision.draft.message.defects)
    return always or cut or decision.collided or decision.content_differs or not decision.draft.fetched.complete


def make_claim(decision: Decision) -> Claim:
    """Return the claim of a decision that makes an activity."""
    key = decision.draft.key
    return Claim(decision.key, decision.activity or "", decision.draft.mailbox.key, key.identity, key.content)


def make_receipt(decision: Decision, now: datetime) -> Receipt:
    """Return the mailbox's receipt."""
    verdict = decision.verdict
    return Receipt(
        decision.key,
        decision.draft.mailbox.key,
        verdict.outcome,
        verdict.reason,
        decision.activity,
        content_differs=decision.content_differs,
        at=now,
        source=decision.draft.mark,
        copy=decision.draft.mark if decision.copied and not decision.delivers else "",
    )


def make_trace(decision: Decision, source: str, receiving: str, regarding: Record | None, now: datetime) -> Trace:
    """Return everything that was asked of the message, and the headers it rests on."""
    draft, match, verdict = decision.draft, decision.match, decision.verdict
    delivers = decision.delivers
    kept = [one for one in draft.message.headers if not one[0].startswith(_NOT_KEPT)][:_HEADERS_KEPT]
    return Trace(
        key=decision.key,
        mailbox=draft.mailbox.key,
        source=source,
        source_id=draft.fetched.source_id,
        message_id=draft.message.message_id,
        subject=draft.message.subject,
        outcome=verdict.outcome,
        reason=verdict.reason,
        rule=decision.rule,
        method=match.method.value if match and delivers else CorrelationMethod.NONE.value,
        correlated=match.email.activity if match and delivers else None,
        regarding=regarding,
        activity=decision.activity,
        answers=decision.answers,
        candidates=decision.candidates,
        headers=tuple((name, value[:_HEADER_LENGTH_KEPT]) for name, value in kept),
        at=now,
        copy=draft.mark if decision.copied else "",
        receiving=receiving,
        facts=decision.facts,
    )
