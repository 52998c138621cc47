"""Read what one's own mail server found out about a sender (Authentication-Results, RFC 8601)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# What a server copies from the other side (an address, a HELO) may hold quotes, semicolons and parentheses, made to be
# misread.  So a quoted string is one piece, a comment stands apart, and a clause that is not plain proves nothing.
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*+"|[^\s;"()]++|[;()]|\s++', re.DOTALL)
_APART = (" ", ";", ")")
_METHOD = re.compile(r"(dmarc|spf|dkim)(?:/1)?=([a-z]{3,9})", re.IGNORECASE)
_PROPERTY = re.compile(r"(header\.from|header\.d|header\.i|smtp\.mailfrom)=(.*)", re.IGNORECASE | re.DOTALL)
_LABEL = r"[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}", re.IGNORECASE)
_PROVES = {"dmarc": ("header.from",), "spf": ("smtp.mailfrom",), "dkim": ("header.d", "header.i")}
_LONGEST = 16_384


@dataclass(frozen=True, slots=True)
class Result:
    """What one method (dmarc, spf, dkim) said, "unclear" when that is not plain, and for which domains."""

    method: str
    result: str
    domains: tuple[str, ...]


def proof(values: Sequence[str], authserv_id: str, domain: str) -> tuple[bool, str]:
    """Tell whether the server `authserv_id` proved that `domain` sent the mail, and in words what was seen.

    `values` are the mail's Authentication-Results, topmost first.  Only the topmost one of this server counts: others'
    stand above it for nothing, and what stands below came with the mail.  It is proof when dmarc passed, or spf or dkim
    for the domain or one below it, and dmarc did not fail.
    """
    if not authserv_id:
        return False, "no authserv-id is configured, so no Authentication-Results count"
    own = next((pieces for value in values if _server(pieces := _pieces(value)) == authserv_id.casefold()), None)
    if own is None:
        return False, f"no Authentication-Results of {authserv_id}"
    results = _results(own)
    dmarc = [one.result for one in results if one.method == "dmarc"]
    if len(dmarc) > 1 or "fail" in dmarc:
        return False, f"{authserv_id} found {', '.join(f'dmarc={one}' for one in dmarc)}"
    for one in results:
        if one.result == "pass" and _speaks_for(one, domain):
            return True, f"{authserv_id} found {one.method}=pass for {domain}"
    seen = ", ".join(f"{one.method}={one.result}" for one in results[:6])
    return False, f"{authserv_id} proved nothing for {domain} ({seen or 'no result that can be read'})"


def _speaks_for(result: Result, domain: str) -> bool:
    """Tell whether the result is about the From domain; dmarc without header.from can be about nothing else."""
    wanted = domain.casefold()
    if result.method == "dmarc":
        return all(one == wanted for one in result.domains)
    return bool(result.domains) and all(one == wanted or one.endswith(f".{wanted}") for one in result.domains)


def _pieces(value: str) -> list[str]:
    """Return words, quoted strings, blanks and semicolons without the comments; nothing when there is any doubt."""
    if len(value) > _LONGEST:
        return []
    kept: list[str] = []
    depth = position = 0
    before = " "
    for found in _PIECE.finditer(value):
        piece = " " if found[0].isspace() else found[0]
        if found.start() != position:
            return []  # a quotation mark that nothing closes
        position = found.end()
        if depth == 0 and ((piece == "(" and before not in _APART) or (before == ")" and piece not in (" ", ";", "("))):
            return []  # a comment that touches a value: example.org(.evil.example)
        depth += (piece == "(") - (piece == ")")
        if depth < 0:
            return []
        if depth == 0 and piece != ")":
            kept.append(piece)
        before = piece
    return kept if depth == 0 and position == len(value) else []


def _server(pieces: list[str]) -> str | None:
    """Return the authserv-id that opens the field, case folded; a field that begins with a result has none."""
    head = [piece for piece in pieces[: pieces.index(";")] if piece != " "] if ";" in pieces else []
    versioned = head[1:] in ([], ["1"])
    return head[0].strip('"').casefold() if head and versioned and "=" not in head[0] else None


def _results(pieces: list[str]) -> list[Result]:
    """Return the results behind the authserv-id in their order."""
    found: list[Result] = []
    for clause in _clauses(pieces)[1:]:
        method = _METHOD.fullmatch(clause[0]) if clause else None
        if not method:
            continue
        name = method[1].casefold()
        properties = [match for word in clause[1:] if (match := _PROPERTY.fullmatch(word))]
        domains = [_domain(match[2]) for match in properties if match[1].casefold() in _PROVES[name]]
        plain = "" not in domains and all("=" in word for word in clause)
        found.append(Result(name, method[2].casefold() if plain else "unclear", tuple(domains)))
    return found


def _clauses(pieces: list[str]) -> list[list[str]]:
    """Return the words of each clause: pieces that touch make one word."""
    clauses: list[list[str]] = [[]]
    before = " "
    for piece in pieces:
        if piece == ";":
            clauses.append([])
        elif piece != " " and before in (" ", ";"):
            clauses[-1].append(piece)
        elif piece != " ":
            clauses[-1][-1] += piece
        before = piece
    return clauses


def _domain(value: str) -> str:
    """Return the domain of an address or domain, case folded, or empty when it is not plain."""
    domain = value.rpartition("@")[2].rstrip(".")
    return domain.casefold() if _DOMAIN.fullmatch(domain) and '"' not in value else ""
