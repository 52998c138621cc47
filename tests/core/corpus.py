"""Compare what the parser reads in foreign corpora with what their owners say: `python -m tests.core.corpus`."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from textwrap import wrap
from typing import Any

from email_router.core.message import Address, Attachment, Message
from email_router.core.parse import parse
from tests.core.corpus_differences import ON_PURPOSE, PROVEN_WRONG

ROOT = Path(__file__).resolve().parents[2].parent / "shared" / "corpora"
"""Where the corpora lie: beside the project, as ../shared/corpora."""

_NO_DATE = "1900-01-01"
_PEOPLE = ("reply_to", "to", "cc", "bcc")


@dataclass(slots=True)
class Agreement:
    """How many expected values of one corpus were found, by field, and each one that was not."""

    corpus: str
    mails: int = 0
    expected: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def count(self, file: str, name: str, wanted: object, found: object, *, same: bool | None = None) -> None:
        """Count one expected value; an empty one is not counted."""
        if wanted in (None, "", [], ()):
            return
        self.expected[name] += 1
        if wanted == found if same is None else same:
            self.agreed[name] += 1
        else:
            self.differences.append(
                f"{self.corpus}/{file}: {name}: expected {str(wanted)[:90]!r}, read {str(found)[:90]!r}"
            )

    @property
    def share(self) -> float:
        """The part of the expected values that were found, 0 to 1."""
        return sum(self.agreed.values()) / max(1, sum(self.expected.values()))


def place(difference: str) -> str:
    """Return corpus, file and field of a disagreement, as corpus_differences.py names them."""
    return ": ".join(difference.split(": ")[:2])


class _Visible(HTMLParser):
    """Collect the characters a reader of the html sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in ("script", "style", "title")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            self._hidden -= tag in ("script", "style", "title")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.seen.append(data)


def visible(html: str) -> str:
    """Return the visible characters of html without blanks."""
    reader = _Visible()
    reader.feed(html)
    reader.close()
    return squeezed("".join(reader.seen))


def squeezed(text: str) -> str:
    """Return the text without blanks: how several parts are joined is each library's own habit."""
    return "".join(text.split())


Reader = Callable[[bytes], Message]


def imap_tools(read: Reader = parse) -> Agreement:
    """Compare the 113 mails of imap_tools; `read` tells what became of a mail's bytes."""
    result = Agreement("imap_tools")
    folder = ROOT / "imap_tools"
    for file, wanted in json.loads((folder / "expected.json").read_text("utf-8")).items():
        message = read((folder / "messages" / file).read_bytes())
        result.mails += 1
        _compare_imap_tools(result, file, wanted, message)
    return result


def _compare_imap_tools(result: Agreement, file: str, wanted: dict[str, Any], message: Message) -> None:
    result.count(file, "subject", squeezed(wanted["subject"]), squeezed(message.subject))
    if not wanted["date"].startswith(_NO_DATE):
        result.count(file, "date", _in_utc(wanted["date"]), message.date)
    if message.headers:  # what became of a mail in a CRM keeps no fields as written
        result.count(file, "date as written", _known(wanted["date_text"]), _known(message.header("date") or ""))
    if wanted["from"]:
        _count_person(result, file, "from", wanted["from"], _author(message))
    for name in _PEOPLE:
        _count_people(result, file, name, wanted[name], _people(message, name))
    result.count(file, "text", squeezed(wanted["text"]), squeezed(message.text))
    if visible(wanted["html"]):
        result.count(file, "html", visible(wanted["html"]), visible(message.html))
    rest = list(message.attachments)
    for one in wanted["attachments"]:
        _count_attachment(result, file, one, _take(rest, one))


def _known(text: str) -> str:
    """Return the ASCII of a header as found: it may hold bytes of no known charset."""
    return squeezed("".join(one for one in text if one.isascii()))


def _take(rest: list[Attachment], wanted: dict[str, Any]) -> Attachment | None:
    """Take the attachment that is meant out of those not yet compared: the same digest, else the same type."""
    for fits in (
        lambda one: one.sha256 == wanted["sha256"],
        lambda one: one.media_type == wanted["media_type"],
        lambda _: True,
    ):
        for one in rest:
            if fits(one):
                rest.remove(one)
                return one
    return None


def _count_attachment(result: Agreement, file: str, wanted: dict[str, Any], found: Attachment | None) -> None:
    digests = _digests(found.content) if found else set()
    result.count(file, "attachment content", wanted["sha256"], found and found.sha256, same=wanted["sha256"] in digests)
    if wanted.get("size"):
        sizes = {len(form) for form in _forms(found.content)} if found else set()
        result.count(file, "attachment size", str(wanted["size"]), str(sorted(sizes)), same=wanted["size"] in sizes)
    result.count(file, "attachment name", squeezed(wanted["name"]), found and squeezed(found.name))
    result.count(file, "attachment media_type", wanted["media_type"], found and found.media_type)
    result.count(file, "attachment content_id", wanted["content_id"].strip("<>"), found and found.content_id)
    if wanted["disposition"]:
        result.count(
            file, "attachment inline", wanted["disposition"], found and ("inline" if found.inline else "attachment")
        )


def _digests(content: bytes) -> set[str]:
    return {hashlib.sha256(form).hexdigest() for form in _forms(content)}


def _forms(content: bytes) -> list[bytes]:
    """Return the bytes as they are, with LF, with CRLF, and without their last line end."""
    bare = content.replace(b"\r\n", b"\n")
    forms = [content, bare, bare.replace(b"\n", b"\r\n")]
    return forms + [form.rstrip(b"\r\n") for form in forms]


def _author(message: Message) -> Address | None:
    """Return who is named in From: the author, else the only name without an address."""
    names = [name for field, name in message.unaddressed if field == "from"]
    return message.author or (Address(names[0], "") if len(names) == 1 else None)


def _people(message: Message, name: str) -> tuple[Address, ...]:
    """Return who is named in a field, those without an address behind the others."""
    alone = [Address(one, "") for field, one in message.unaddressed if field.replace("-", "_") == name]
    return (*getattr(message, name), *alone)


def _count_person(result: Agreement, file: str, name: str, wanted: dict[str, str], found: Address | None) -> None:
    result.count(file, f"{name} address", wanted["address"], found and found.address)
    result.count(file, f"{name} name", squeezed(wanted["name"] or ""), found and squeezed(found.name))


def _count_people(
    result: Agreement, file: str, name: str, wanted: list[dict[str, str]], found: tuple[Address, ...]
) -> None:
    rest = list(found)
    for one in wanted:
        same = next((address for address in rest if address.address == one["address"]), None)
        if same:
            rest.remove(same)
        _count_person(result, file, name, one, same)


def _in_utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def stalwart(read: Reader = parse) -> Agreement:
    """Compare the 33 mails of Stalwart's mail-parser; `read` as above."""
    result = Agreement("stalwart")
    for file in sorted((ROOT / "stalwart").glob("*/*.eml")):
        raw = file.read_bytes()
        result.mails += 1
        _compare_stalwart(
            result,
            f"{file.parent.name}/{file.name}",
            json.loads(file.with_suffix(".json").read_text("utf-8")),
            raw,
            read,
        )
    return result


def _compare_stalwart(result: Agreement, file: str, wanted: dict[str, Any], raw: bytes, read: Reader) -> None:
    message = read(raw)
    _compare_tree(result, file, wanted, raw, message)


def _compare_tree(result: Agreement, file: str, wanted: dict[str, Any], raw: bytes, message: Message) -> None:
    """Compare one tree; a field that stands several times counts once, with the value that mail-parser itself returns: the last."""
    tree = wanted["parts"]
    for name, value in dict(_stalwart_headers(tree[0])).items():
        if name == "from" and value:
            _count_person(result, file, "from", value[0], _author(message))
        elif name in _PEOPLE:
            _count_people(result, file, name, value, _people(message, name))
        elif name == "subject":
            result.count(file, "subject", squeezed(value), squeezed(message.subject))
        elif name == "message_id":
            result.count(file, "message_id", f"<{value}>", message.message_id)
        elif name == "date":
            result.count(file, "date", _stalwart_date(value), message.date)
        elif isinstance(value, str) and message.headers:
            read = [squeezed(one).strip("<>") for one in message.header_all(name.replace("_", "-"))]
            result.count(file, "other header", squeezed(value), read, same=squeezed(value) in read)
    texts = [tree[index]["body"]["Text"] for index in wanted["text_body"] if "Text" in tree[index]["body"]]
    result.count(file, "text", squeezed("".join(texts)), squeezed(message.text))
    pages = [tree[index]["body"]["Html"] for index in wanted["html_body"] if "Html" in tree[index]["body"]]
    result.count(file, "html", visible("".join(pages)), visible(message.html))
    rest = list(message.attachments)
    for index in wanted["attachments"]:
        one = _stalwart_attachment(tree[index], raw)
        found = _take(rest, one)
        _count_attachment(result, file, one, found)
        inner = tree[index]["body"].get("Message")
        if inner:
            content = found.content if found else b""
            inner_raw = raw if inner["parts"][0]["offset_header"] else content
            _compare_tree(result, f"{file} within", inner, inner_raw, parse(content))


def _stalwart_headers(part: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for header in part["headers"]:
        value = header["value"]
        if not isinstance(header["name"], str) or not isinstance(value, dict):
            continue
        kind, content = next(iter(value.items()))
        if kind == "Address":
            people = content.get("List") or [one for group in content.get("Group", []) for one in group["addresses"]]
            content = [{"name": one["name"] or "", "address": one["address"] or ""} for one in people]
        yield header["name"], content


def _stalwart_date(value: dict[str, int]) -> datetime:
    sign = "-" if value["tz_before_gmt"] else "+"
    day = f"{value['year']:04}-{value['month']:02}-{value['day']:02}"
    clock = f"{value['hour']:02}:{value['minute']:02}:{value['second']:02}"
    return _in_utc(f"{day}T{clock}{sign}{value['tz_hour']:02}:{value['tz_minute']:02}")


def _stalwart_attachment(part: dict[str, Any], raw: bytes) -> dict[str, Any]:
    found = dict(_stalwart_headers(part))
    content_type = found.get("content_type") or {}
    attributes = {one["name"]: one["value"] for one in content_type.get("attributes") or []}
    disposition = found.get("content_disposition") or {}
    attributes |= {one["name"]: one["value"] for one in disposition.get("attributes") or []}
    kind, body = next(iter(part["body"].items()))
    content = raw[part["offset_body"] : part["offset_end"]]
    if kind in ("Text", "Html"):
        content = body.encode("utf-8")
    elif kind in ("Binary", "InlineBinary"):
        content = bytes(body)
    elif (found.get("content_transfer_encoding") or "").lower() == "base64":
        content = base64.b64decode(content)
    media_type = (
        f"{content_type['c_type']}/{content_type['c_subtype']}".lower() if content_type.get("c_subtype") else ""
    )
    return {
        "name": attributes.get("filename") or attributes.get("name") or "",
        "media_type": media_type,
        "content_id": found.get("content_id") or "",
        "disposition": (disposition.get("c_type") or "").lower(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def flufl() -> Agreement:
    """Compare the failed addresses of flufl.bounce's own samples, and whether they failed for good."""
    result = Agreement("flufl")
    folder = ROOT / "bounces" / "flufl"
    for file, rows in json.loads((folder / "expected.json").read_text("utf-8")).items():
        report = parse((folder / file).read_bytes()).delivery_report
        result.mails += 1
        told = {one.address.lower(): one.permanent for one in report.recipients} if report else {}
        for row in rows:
            address = row["address"].lower()
            result.count(file, "recipient", address, sorted(told), same=address in told)
            result.count(file, "permanent", str(row["permanent"]), str(told.get(address)))
    return result


def sisimai() -> Agreement:
    """Compare how many recipients sisimai finds, their status class, and that abuse reports and vacation notes are no bounces."""
    result = Agreement("sisimai")
    folder = ROOT / "bounces" / "sisimai"
    for file, rows in json.loads((folder / "expected.json").read_text("utf-8")).items():
        report = parse((folder / file).read_bytes()).delivery_report
        result.mails += 1
        if rows[0]["reason"] in ("feedback", "vacation"):
            result.count(file, "is no bounce", "none", str(report), same=report is None)
            continue
        result.count(file, "is a bounce", "a report", str(report), same=report is not None)
        found = report.recipients if report else ()
        result.count(file, "recipients", str(len(rows)), str(len(found)))
        for row, one in zip(rows, found, strict=False):
            told = not row["status"][3:].startswith(".9") and ".0.9" not in row["status"]
            if told:
                result.count(
                    file, "status class", row["status"][:1], (one.status or ("5" if one.permanent else "4"))[:1]
                )
            if row["hardbounce"]:
                result.count(file, "permanent", "True", str(one.permanent))
    return result


CORPORA: tuple[Callable[[], Agreement], ...] = (imap_tools, stalwart, flufl, sisimai)


def table(results: list[Agreement]) -> str:
    """Return the agreement of each corpus and field as the table that docs/parsing.md shows."""
    rows = ["| corpus | mails | found | of values | | by field |", "|---|---|---|---|---|---|"]
    for one in results:
        fields = ", ".join(f"{name} {one.agreed[name]}/{count}" for name, count in sorted(one.expected.items()))
        agreed, expected = sum(one.agreed.values()), sum(one.expected.values())
        first = f"| {one.corpus} | {one.mails} | {agreed} | {expected} | {100 * one.share:.1f} % |"
        rows += [
            f"{start} {line} |" for start, line in zip([first, *["| | | | | |"] * 9], wrap(fields, 110), strict=False)
        ]
    agreed, expected = (sum(sum(getattr(one, name).values()) for one in results) for name in ("agreed", "expected"))
    rows.append(
        f"| all | {sum(one.mails for one in results)} | {agreed} | {expected} | {100 * agreed / expected:.1f} % | |"
    )
    wrong = sum(ON_PURPOSE.get(place(difference)) in PROVEN_WRONG for one in results for difference in one.differences)
    left = expected - wrong
    rows.append(f"| without {wrong} proven wrong | | {agreed} | {left} | {100 * agreed / left:.1f} % | |")
    return "\n".join(rows)


def main() -> None:
    """Print agreement by corpus and field, then each disagreement, with its reason where it is on purpose."""
    sys.stdout.write(f"{table([compare() for compare in CORPORA])}\n\n")
    for compare in CORPORA:
        result = compare()
        agreed, expected = sum(result.agreed.values()), sum(result.expected.values())
        sys.stdout.write(
            f"{result.corpus}: {result.mails} mails, {agreed} of {expected} values, {100 * result.share:.1f} %\n"
        )
        for name, wanted in sorted(result.expected.items()):
            sys.stdout.write(f"    {name:24} {result.agreed[name]:5} of {wanted}\n")
        for difference in result.differences:
            reason = ON_PURPOSE.get(place(difference))
            sys.stdout.write(f"  {difference}{' - on purpose: ' + reason if reason else ''}\n")


if __name__ == "__main__":
    main()
