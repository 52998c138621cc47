"""Read what a bounce says about whom it could not reach: RFC 3464 first, then the words of the usual mail servers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from email_router.core import encoded_words, headers, identifiers, spoken_bounce
from email_router.core.automatic import has_empty_return_path
from email_router.core.charset import decode
from email_router.core.headers import Head
from email_router.core.limits import Defects, Limits
from email_router.core.message import Address, DeliveryReport, ReportedRecipient
from email_router.core.parts import Part

_STATUS_TYPES = frozenset({"message/delivery-status", "message/global-delivery-status"})
_ORIGINAL_TYPES = frozenset(
    {"message/rfc822", "message/global", "text/rfc822-headers", "message/rfc822-headers", "message/global-headers"}
)
_ACTIONS = {"failed": "failed", "failure": "failed", "error": "failed", "delayed": "delayed", "delivered": "delivered"}
_ACTIONS |= {"relayed": "relayed", "expanded": "expanded", "deliverable": "delivered", "expired": "failed"}
_FINAL = re.compile(rb"^final-recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_VAGUE = re.compile(r"[245]\.0\.0")
_ADDRESS = re.compile(r"<?([^\s<>;,()\"]+@[^\s<>;,()\"]+)>?")
_ID_LINE = re.compile(r"^[> ]{0,4}message-id[ \t]*:[ \t]*(<[^<>\s]{1,998}>)", re.IGNORECASE | re.MULTILINE)
_TOLD = ("x-emailrouter", "subject")
_TOLD_LINE = re.compile(
    r"^[> ]{0,4}(x-emailrouter|subject)[ \t]*+:[ \t]*+([^\r\n]{1,1000})", re.IGNORECASE | re.MULTILINE
)
_SUBJECT_READ = 1000
_DAEMON = re.compile(r"(?:mailer-?daemon|post_master|mail-?daemon|mdaemon|maildelivery)\b", re.IGNORECASE)
_POSTMASTER = re.compile(r"(?:postmaster|mailmaster|microsoftexchange)", re.IGNORECASE)
_FAILED_SUBJECT = re.compile(
    r"undeliver|delivery (?:status|fail|report|error|problem|notification)|returned (?:mail|e-?mail|message|to sender)|"
    r"failure notice|mail delivery|could not (?:be )?(?:deliver|send)|not (?:be )?delivered|non-?delivery|delivery has failed|"
    r"message (?:status|undeliverable)|unzustellbar|"
    r"mail system error|mail failure|error sending|nondeliverable|bounced mail|failed mail|mail error|"
    r"delivery incomplete|delayed mail|user unknown",
    re.IGNORECASE,
)
_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|vs|vb)\s*:", re.IGNORECASE)
_WORST_FIRST = ("failed", "delayed", "delivered", "relayed", "expanded")
_READ_AT_MOST = 512 * 1024


def read(raw: bytes, head: Head, leaves: list[Part], sender: Address | None, limits: Limits) -> DeliveryReport | None:
    """Return the delivery report in a mail, or None when it is none.  Never raises.

    A recipient is `permanent` when its action is failed, whatever its status: the server has abandoned it (RFC 3464 2.3.3), also after days
    of 4.x.x.  In a server's own words it is when the code is 5.x.x, or when nothing says that it will be tried again.  Abuse reports
    (RFC 5965), read receipts (RFC 8098) and automatic answers are no delivery reports.
    """
    kind = _report_type(head)
    if kind in ("feedback-report", "disposition-notification"):
        return None
    if not _looks_like_bounce(head, kind, sender) and not _reads_like_bounce(head, leaves):
        return None
    found = _told(leaves, limits)
    action = next((name for name in _WORST_FIRST if any(name == said for said, _ in found)), "failed")
    # Those that are still waited for are told beside those that failed.
    told = ("failed", "delayed") if action == "failed" else (action,)
    recipients = tuple(dict.fromkeys(one for said, one in found if said in told))
    if not recipients:
        recipients = spoken_bounce.failures(raw, leaves, _subject(head))
        if not recipients and not _is_surely_bounce(head, kind, sender):
            return None
        action = "failed" if not recipients or any(one.permanent for one in recipients) else "delayed"
        recipients = recipients or spoken_bounce.returned_to(leaves)
    return DeliveryReport(action, recipients, *_original(leaves, limits))


def _report_type(head: Head) -> str:
    value = (head.get("content-type") or "").lower()
    if "multipart/report" not in value:
        return ""
    found = re.search(r"report-type\s{0,9}=\s{0,9}\"?([a-z-]+)", value)
    return found[1] if found else "report"


def _looks_like_bounce(head: Head, kind: str, sender: Address | None) -> bool:
    """Tell whether the mail itself can be a bounce, not only hold or tell of one."""
    if kind or head.get("x-failed-recipients") or _is_daemon(head, sender):
        return True
    return bool(_FAILED_SUBJECT.search(_subject(head))) and (
        "@" not in (head.get("from") or "") or has_empty_return_path(head)
    )


def _reads_like_bounce(head: Head, leaves: list[Part]) -> bool:
    """Tell whether it is the report of a server that signs as somebody else: by envelope or subject, and by how it begins.

    What answers a mail or passes one on was written by a person, however it begins.
    """
    if head.get("in-reply-to") or _FORWARDED.match(_subject(head)):
        return False
    hinted = has_empty_return_path(head) or bool(_FAILED_SUBJECT.search(_subject(head)))
    return hinted and spoken_bounce.opens_as_report(leaves)


def _is_surely_bounce(head: Head, kind: str, sender: Address | None) -> bool:
    """Tell whether it is a bounce even though it names nobody."""
    return kind == "delivery-status" or (_is_daemon(head, sender) and bool(_FAILED_SUBJECT.search(_subject(head))))


def _is_daemon(head: Head, sender: Address | None) -> bool:
    """Tell whether a mail server wrote it; a postmaster may also be a person, who has a return path and other subjects."""
    who = sender.address if sender else (head.get("from") or "")[:500].lstrip("<\"' ")
    if _DAEMON.match(who) or (not sender and _DAEMON.search(who)):
        return True
    failed = has_empty_return_path(head) or bool(_FAILED_SUBJECT.search(_subject(head)))
    return failed and bool(_POSTMASTER.match(who))


def _subject(head: Head) -> str:
    return encoded_words.decode((head.get("subject") or "")[:500])


def _told(leaves: list[Part], limits: Limits) -> list[tuple[str, ReportedRecipient]]:
    """Return what the delivery status says, or the same fields in a text, where a broken mail holds them."""
    status = [part.content for part in leaves if part.media_type in _STATUS_TYPES]
    found = [one for content in status for one in _recipients(content, limits)]
    if found or status:
        return found
    texts = (part.content for part in leaves if part.media_type == "text/plain" and _FINAL.search(part.content))
    return [one for content in texts for one in _recipients(content, limits)]


def _recipients(content: bytes, limits: Limits) -> Iterable[tuple[str, ReportedRecipient]]:
    """Yield action and recipient of each group of fields after the first, which is about the message (RFC 3464 2.1)."""
    text = content[:_READ_AT_MOST].replace(b"\r\n", b"\n")
    for block in text.split(b"\n\n")[: limits.addresses]:
        group = headers.split(block, 0, len(block), limits, Defects())
        address = _recipient(group)
        if not address:
            continue
        action = (group.get("action") or "failed").split()[0:1]
        said = _ACTIONS.get(action[0].lower().strip("();,") if action else "failed")
        if said:
            status = _enhanced_status(group)
            yield said, ReportedRecipient(address, status, said == "failed", _address_in(group, "original-recipient"))


def _recipient(group: Head) -> str:
    """Return the address that was written to: the original one where it is told."""
    fields = ("original-recipient", "final-recipient", "x-actual-recipient")
    return next((address for field in fields if (address := _address_in(group, field))), "")


def _address_in(group: Head, field: str) -> str | None:
    value = group.get(field) or ""
    found = _ADDRESS.search(value.rpartition(";")[2][:1000]) or _ADDRESS.search(value[:1000])
    return found[1] if found and not found[1].startswith(("/", "@")) else None


def _enhanced_status(group: Head) -> str:
    """Return the status of RFC 3463; one that says nothing (5.0.0) gives way to the one in the diagnostic."""
    found = _STATUS.search((group.get("status") or "")[:200])
    status = found[1] if found else ""
    if not status or _VAGUE.fullmatch(status):
        told = _STATUS.search((group.get("diagnostic-code") or "")[:2000])
        if told and (not status or told[1][0] == status[0]):
            return told[1]
    return status


def _original(leaves: list[Part], limits: Limits) -> tuple[str | None, str, str]:
    """Return Message-ID, mark and subject of the mail that the report is about: from its copy, else from lines that quote its header."""
    copies = [_head_of(part, limits) for part in leaves if part.media_type in _ORIGINAL_TYPES]
    ids = (identifiers.first_id(one.get("message-id")) for one in copies)
    message_id = next((one for one in ids if one), None)
    mark, subject = (next((one[name] for one in copies if one.get(name)), "") for name in _TOLD)
    if message_id and subject:
        return message_id, mark, encoded_words.decode(subject[:_SUBJECT_READ])
    quoted = _quoted(leaves)
    subject = subject or quoted.get("subject", "")
    told = mark or quoted.get("x-emailrouter", ""), encoded_words.decode(subject[:_SUBJECT_READ])
    return (message_id or quoted.get("message-id"), *told)


def _head_of(part: Part, limits: Limits) -> dict[str, str]:
    """Return what the header of a returned mail says of it."""
    content = part.content.lstrip(b"\r\n")
    head = headers.split(content, 0, len(content), limits, Defects())
    return {name: value.strip() for name in ("message-id", *_TOLD) if (value := head.get(name))}


def _quoted(leaves: list[Part]) -> dict[str, str]:
    """Return the first id, mark and subject that stand alone on a line of a text, as quoted headers do."""
    found: dict[str, str] = {}
    for part in leaves:
        if part.media_type in _STATUS_TYPES or part.media_type.startswith("text/"):
            text = decode(part.content[:_READ_AT_MOST])
            for line in _ID_LINE.finditer(text):
                found.setdefault("message-id", line[1])
            for line in _TOLD_LINE.finditer(text):
                found.setdefault(line[1].lower(), line[2].strip())
    return found
