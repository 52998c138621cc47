"""Put a calendar part (RFC 5545) into words, for a mail that has no other text."""

from __future__ import annotations

import re

from email_router.core.visible import one_line

_READ_AT_MOST = 64 * 1024
_FOLD = re.compile(r"\r?\n[ \t]")
_PROPERTY = re.compile(r"([A-Za-z-]+)((?:;[^:;\"]*(?:\"[^\"]*\"[^:;\"]*)?)*):(.*)")
_TIME_ZONE = re.compile(r";TZID=\"?([^;:\"]+)", re.IGNORECASE)
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(?:\d\d)?(Z?))?")
_ESCAPED = re.compile(r"\\([\\;,nN])")
_KINDS = {
    "REQUEST": "Meeting",
    "CANCEL": "Meeting cancelled",
    "REPLY": "Answer to a meeting",
    "COUNTER": "New time proposed",
}
_EVENTS = frozenset({"VEVENT", "VTODO"})


def in_words(source: str) -> str:
    """Return what the first event is about, when and where, and its description; empty when it holds no event.  Linear; never raises."""
    found: dict[str, str] = {}
    method = ""
    inside: list[str] = []
    for line in _FOLD.sub("", source[:_READ_AT_MOST]).splitlines():
        matched = _PROPERTY.match(line)
        if not matched:
            continue
        name, parameters, value = matched[1].upper(), matched[2], matched[3]
        if name == "METHOD":
            method = value.strip().upper()
        elif name == "BEGIN":
            inside.append(value.strip().upper())
        elif name == "END":
            if inside and inside.pop() in _EVENTS:
                break
        elif inside and inside[-1] in _EVENTS:
            found.setdefault(name, _moment(value, parameters) if name in ("DTSTART", "DTEND") else _unescaped(value))
    return _worded(found, method)


def _worded(found: dict[str, str], method: str) -> str:
    if not found:
        return ""
    when = " to ".join(found[name] for name in ("DTSTART", "DTEND") if found.get(name))
    lines = [
        (_KINDS.get(method, "Meeting"), one_line(found.get("SUMMARY", ""))),
        ("When", when),
        ("Where", one_line(found.get("LOCATION", ""))),
    ]
    head = "\n".join(f"{label}: {value}" for label, value in lines if value)
    return "\n\n".join(part for part in (head, found.get("DESCRIPTION", "").strip()) if part)


def _moment(value: str, parameters: str) -> str:
    """Return a date or a time as a person writes it, with the zone it is told in."""
    found = _MOMENT.match(value.strip())
    if not found:
        return one_line(value)
    day = f"{found[1]}-{found[2]}-{found[3]}"
    if not found[4]:
        return day
    zone = _TIME_ZONE.search(parameters)
    name = "UTC" if found[6] else one_line(zone[1]) if zone else ""
    return f"{day} {found[4]}:{found[5]}" + (f" ({name})" if name else "")


def _unescaped(value: str) -> str:
    return _ESCAPED.sub(lambda escape: "\n" if escape[1] in "nN" else escape[1], value)
