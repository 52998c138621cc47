"""Read what clients, gateways and machines put before a subject: marks of replies and forwards, tags, notices."""

from __future__ import annotations

import re

FORWARDS = frozenset(
    {"fw", "fwd", "wg", "tr", "rv", "enc", "vs", "vb", "vl", "i", "doorst", "pd", "ilt", "転送", "转发", "轉寄"}
)
REPLIES = frozenset(
    {"re", "aw", "sv", "antw", "rép", "rif", "r", "res", "odp", "vá", "ynt", "返信", "回复", "回覆", "答复"}
)

_MOST = 60  # marks that are taken off one subject: more are no conversation
_WORDS = "|".join(sorted(FORWARDS | REPLIES, key=lambda word: (-len(word), word)))
_COLON = r"\s{0,2}[:\uff1a]"
_MARK = re.compile(rf"\s{{0,9}}[\[(]?({_WORDS})(?:\[\d{{1,3}}\]|\(\d{{1,3}}\))?{_COLON}[\])]?", re.IGNORECASE)
# What a gateway says of the sender ([EXTERN], EXTERNAL:), a filter of the mail (***SPAM***), a list of itself ([crm-users]).
_TAG = re.compile(
    rf"\s{{0,9}}(?:\[[^\[\]]{{0,40}}\]|\*{{2,5}}[^*]{{1,40}}\*{{2,5}}|(?:external|extern|ext|spam){_COLON})",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"\s{0,9}(?:out of office|automatic reply|auto reply|autoreply|abwesenheitsnotiz|automatische antwort|"
    r"réponse automatique|respuesta automática|risposta automatica|automatisch antwoord|autosvar|automatiskt svar|"
    rf"accepted|declined|tentative|zugesagt|abgesagt|read|gelesen|undeliverable|unzustellbar){_COLON}",
    re.IGNORECASE,
)


def mark_of(subject: str) -> str:
    """Return "forward", "reply" or "" by the first mark of the subject; the tags before it do not count."""
    at = 0
    for _ in range(_MOST):
        mark = _MARK.match(subject, at)
        if mark:
            return "forward" if mark[1].casefold() in FORWARDS else "reply"
        tag = _TAG.match(subject, at)
        if tag is None:
            return ""
        at = tag.end()
    return ""


def without_marks(subject: str) -> str:
    """Return the subject without the marks, tags and notices that stand before it; one that is nothing else stays whole."""
    at = 0
    for _ in range(_MOST):
        found = _MARK.match(subject, at) or _TAG.match(subject, at) or _NOTICE.match(subject, at)
        if found is None:
            break
        at = found.end()
    rest = subject[at:].strip()
    return rest or subject.strip()
