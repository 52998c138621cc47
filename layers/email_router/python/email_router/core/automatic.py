"""Tell mail that a machine answered with, and mail sent to many, from mail that a person wrote to us."""

from __future__ import annotations

import re

from email_router.core.headers import Head

_VENDOR = (
    "x-autoreply",
    "x-autorespond",
    "x-autoreply-from",
    "x-mail-autoreply",
    "x-autoresponder",
    "x-auto-reply",
    "x-vacation",
    "x-amazon-auto-reply",
)
_AUTO_PRECEDENCE = frozenset({"auto_reply", "auto-reply", "autoreply"})
_BULK_PRECEDENCE = frozenset({"bulk", "list", "junk"})
_SUPPRESSED = frozenset({"all", "oof", "autoreply"})
# What the usual servers write before the subject of an absence note, in the languages of their users.
_ABSENT = re.compile(
    r"(?:auto(?:matic)?[- ]?(?:reply|response|answer)|out of (?:the )?office|abwesenheit|automatische antwort|"
    r"r[ée]ponse automatique|absence du bureau|respuesta autom[áa]tica|fuera de (?:la )?oficina|risposta automatica|fuori sede|"
    r"resposta autom[áa]tica|automatisch antwoord|afwezig|automatiskt? svar|"
    r"автоответ|автоматический ответ|自動応答|自动回复|自動回覆)",
    re.IGNORECASE,
)
_LIST = (
    "list-id",
    "list-unsubscribe",
    "list-post",
    "list-help",
    "list-subscribe",
    "list-owner",
    "list-archive",
    "feedback-id",
)


def is_automatic(head: Head, subject: str) -> bool:
    """Tell whether a machine sent this in answer to something (RFC 3834 5, and what vendors write instead).

    Auto-Submitted with anything but "no" decides, then the marks of autoresponders.  A suppressed answer (X-Auto-Response-Suppress), an
    empty return path and a telling subject prove nothing alone, as notifications people want carry them; two of them do.
    """
    submitted = head.get("auto-submitted")
    if submitted is not None and _first_word(submitted) not in ("no", ""):
        return True
    if any((head.get(name) or "no").strip().lower() not in ("no", "false", "") for name in _VENDOR):
        return True
    if _precedence(head) & _AUTO_PRECEDENCE or _is_read_receipt(head):
        return True
    suppressed = {word.strip().lower() for word in (head.get("x-auto-response-suppress") or "").split(",")}
    signs = (bool(suppressed & _SUPPRESSED), has_empty_return_path(head), bool(_ABSENT.match(subject.lstrip())))
    return sum(signs) > 1


def is_bulk(head: Head) -> bool:
    """Tell whether the mail went to many: list headers (RFC 2369, 2919), a Feedback-ID, or Precedence bulk, list, junk."""
    return any(name in head.first for name in _LIST) or bool(_precedence(head) & _BULK_PRECEDENCE)


def has_empty_return_path(head: Head) -> bool:
    """Tell whether the envelope sender was empty, as that of notifications has to be (RFC 5321 4.5.5)."""
    return (head.get("return-path") or "").replace(" ", "") == "<>"


def _is_read_receipt(head: Head) -> bool:
    """Tell whether the mail only says that ours was shown to somebody (RFC 8098)."""
    value = (head.get("content-type") or "")[:1_000].lower()
    return value.startswith("multipart/report") and "disposition-notification" in value


def _precedence(head: Head) -> set[str]:
    return {(head.get(name) or "").strip().lower() for name in ("precedence", "x-precedence")}


def _first_word(value: str) -> str:
    return re.split(r"[;\s(]", value.strip(), maxsplit=1)[0].lower()
