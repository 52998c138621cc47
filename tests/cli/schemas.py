"""JSON schemas of what the commands print, as strict as the documentation: no key more, no key less."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator

from email_router.core.counters import COUNTERS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
MAYBE: Schema = {"type": ["string", "null"]}
COUNT: Schema = {"type": "integer", "minimum": 0}
MESSAGE_ID: Schema = {"type": ["string", "null"], "pattern": "^<.+>$"}
INSTANT: Schema = {"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
ADDRESS: Schema = {"type": "string", "pattern": "^[^@]+@[^@]+$"}


def words(*allowed: str) -> Schema:
    return {"enum": list(allowed)}


def exactly(**properties: Schema) -> Schema:
    names = {name.rstrip("_"): schema for name, schema in properties.items()}
    return {"type": "object", "properties": names, "required": list(names), "additionalProperties": False}


def many(item: Schema) -> Schema:
    return {"type": "array", "items": item}


def or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


METHOD = words("none", "in_reply_to", "tracking_token", "conversation_index", "smart_matching")
CASE = or_null(
    words(
        *(
            "new-known-contact",
            "exchange-online",
            "exchange-server",
            "reply-in-reply-to",
            "reply-token",
            "reply-smart",
            "unwanted",
            "auto-reply",
            "unparsable",
        ),
        *("sent-smtp", "sent-ses", "bounce", "two-mailboxes", "forward"),
    )
)
REASON = words(
    *("duplicate", "no_correlation_match", "correlation_match", "no_recipient_match", "internal_email_reject"),
    *("sender_match", "accept_all", "invalid_sender", "loop", "delivery_report", "auto_reply", "bulk", "not_approved"),
    *("too_old", "over_limit", "unreadable", "untrusted_wrapper", "unknown_delivery_report"),
)
VERDICT = words("delivered", "ignored", "attached", "quarantined", "failed")
NAMED_RECORD = or_null(exactly(kind=TEXT, id=TEXT, name=TEXT))
MESSAGE = exactly(
    case=CASE,
    mailbox=ADDRESS,
    source=words("pop3", "imap", "graph", "ews", "forward"),
    source_id=TEXT,
    message_id=MESSAGE_ID,
    subject=TEXT,
    verdict=VERDICT,
    reason=REASON,
    rule=TEXT,
    correlation_method=METHOD,
    correlated=MAYBE,
    regarding=NAMED_RECORD,
    activity=MAYBE,
    receipts=many(ADDRESS),
)
OUTGOING = exactly(
    case=CASE,
    activity=TEXT,
    sender=words("smtp", "ses", "graph", "ews"),
    from_=ADDRESS,
    to=many(ADDRESS),
    subject=TEXT,
    status=words("pending", "sending", "sent", "failed", "deferred", "unknown", "cancelled"),
    reason=MAYBE,
    attempts=COUNT,
    tracking_token=MAYBE,
    message_id=MESSAGE_ID,
)
MAILBOX = exactly(
    address=ADDRESS,
    status=words("ok", "idle", "error"),
    fetched=COUNT,
    error=or_null(exactly(kind=TEXT, text=TEXT, mend=TEXT)),
)
ALL_COUNTERS = exactly(**dict.fromkeys(COUNTERS, COUNT))
RUN = exactly(
    messages=many(MESSAGE),
    outgoing=many(OUTGOING),
    mailboxes=many(MAILBOX),
    counters=ALL_COUNTERS,
    seconds={"type": "number", "minimum": 0},
)
PARTY = exactly(address=TEXT, name=TEXT, record=or_null(exactly(kind=TEXT, id=TEXT)))
ATTACHMENT = exactly(
    name=TEXT,
    media_type=TEXT,
    size=COUNT,
    sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
    inline={"type": "boolean"},
    content_id=MAYBE,
)
EMAIL = exactly(
    activity=TEXT,
    direction=words("incoming", "outgoing"),
    status=TEXT,
    subject=TEXT,
    message_id=MESSAGE_ID,
    in_reply_to=MAYBE,
    references=many(TEXT),
    from_=many(PARTY),
    to=many(PARTY),
    cc=many(PARTY),
    bcc=many(PARTY),
    regarding=NAMED_RECORD,
    correlation_method=METHOD,
    correlated=MAYBE,
    tracking_token=MAYBE,
    date=INSTANT,
    received=INSTANT,
    text=TEXT,
    html=TEXT,
    attachments=many(ATTACHMENT),
    receipts=many(ADDRESS),
    flags=many(TEXT),
)
EMAILS = exactly(emails=many(EMAIL))
EXPLANATION = exactly(
    message_id=MESSAGE_ID,
    verdict=VERDICT,
    reason=REASON,
    trace=many(exactly(question=TEXT, answer=TEXT, evidence=TEXT)),
    candidates=many(TEXT),
)
OUTGOING_LIST = exactly(outgoing=many(OUTGOING))
PERSON = or_null(exactly(name=TEXT, address=TEXT))
PEOPLE = many(exactly(name=TEXT, address=TEXT))
READING = exactly(
    file=TEXT,
    message_id=MAYBE,
    in_reply_to=MAYBE,
    references=many(TEXT),
    conversation_index=MAYBE,
    date=INSTANT,
    subject=TEXT,
    from_=PERSON,
    sender=PERSON,
    reply_to=PEOPLE,
    to=PEOPLE,
    cc=PEOPLE,
    bcc=PEOPLE,
    text=TEXT,
    html=TEXT,
    attachments=many(ATTACHMENT),
    importance=words("low", "normal", "high"),
    auto_submitted={"type": "boolean"},
    bulk={"type": "boolean"},
    delivery_report={"type": ["object", "null"]},
    tracking_tokens=many(TEXT),
    defects=many(TEXT),
)


def check(told: object, schema: Schema) -> None:
    """Fail with the place of each difference from the schema."""
    found = [f"{error.json_path}: {error.message[:300]}" for error in Draft202012Validator(schema).iter_errors(told)]
    assert not found, "\n".join(found)
