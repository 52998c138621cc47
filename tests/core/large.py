"""Read mails of 35 MB, hostile ones and plain ones, one process each: `python -m tests.core.large [NAME …]` prints what they cost.

The figures are the CPU seconds of reading the mail and of making its keys and digests, and the most memory that the process ever had.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from email_router.core import dedupe
from email_router.core.inspect import reading
from email_router.core.limits import Limits
from email_router.core.parse import parse
from tests.core.hostile import FAMILIES

BYTES = 35 * 1024 * 1024
_READ_IN_PLACE = Limits().text - 1_000
SECONDS = 2.0
MEGABYTES = 512

_HEAD = b"From: Ann <ann@example.com>\r\nTo: sales@contoso.example\r\nSubject: large\r\nMIME-Version: 1.0\r\n"
_WORDS = b"The quick brown fox jumps over the lazy dog, 1234567890 times.\r\n"
_UTF8 = "Grüße aus München: 見積書 und счёт, 10 €.\r\n".encode()
_PAGE = b'<p class="x">The <b>quick</b> <a href="https://example.com/?a=1&amp;b=2">fox</a> &amp; dog</p>\r\n'


def _filled(head: bytes, line: bytes, size: int = BYTES) -> bytes:
    return _HEAD + head + b"\r\n" + line * ((size - 1_000) // len(line))


def _in_place(media_type: bytes, line: bytes) -> bytes:
    return _filled(b"Content-Type: " + media_type + b"; charset=utf-8\r\n", line, _READ_IN_PLACE)


def _attachment() -> bytes:
    content = bytes(range(256)) * ((BYTES - 4_096) * 57 // 78 // 256)
    part = b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    coded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return (
        _HEAD
        + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
        + part
        + coded
        + b"--b--\r\n"
    )


def _many_parts() -> bytes:
    part = b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    return _filled(b"Content-Type: multipart/mixed; boundary=b\r\n", part + b"QUJD" * 150 + b"\r\n")


PLAIN: dict[str, Callable[[], bytes]] = {
    "one attachment": _attachment,
    "text": lambda: _filled(b"Content-Type: text/plain\r\n", _WORDS),
    "text in UTF-8": lambda: _filled(b"Content-Type: text/plain; charset=utf-8\r\n", _UTF8),
    "text in UTF-8 that is called ASCII": lambda: _filled(b"Content-Type: text/plain; charset=us-ascii\r\n", _UTF8),
    "bytes of no charset": lambda: _filled(b"Content-Type: text/plain\r\n", bytes(range(14, 256))),
    "text in ISO-2022-JP": lambda: _filled(
        b"Content-Type: text/plain; charset=iso-2022-jp\r\n", b"\x1b$B8+@Q=q\x1b(B a\r\n"
    ),
    "text in UTF-7": lambda: _filled(b"Content-Type: text/plain; charset=utf-7\r\n", b"Hi Mom -+Jjo--!\r\n"),
    "text in quoted-printable": lambda: _filled(
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n",
        b"Gr=C3=BC=C3=9Fe =\r\nso\r\n",
    ),
    "html": lambda: _filled(b"Content-Type: text/html; charset=utf-8\r\n", _PAGE),
    "html of few tags": lambda: _filled(b"Content-Type: text/html; charset=utf-8\r\n", b"<p>" + _WORDS * 20),
    "html of one text": lambda: _filled(b"Content-Type: text/html; charset=utf-8\r\n", _WORDS),
    "html in UTF-8": lambda: _filled(b"Content-Type: text/html; charset=utf-8\r\n", b"<p>" + _UTF8 * 20),
    "one header line": lambda: _HEAD + b"X-Long: " + b"x" * (BYTES - 500) + b"\r\n\r\ntext\r\n",
    "header of many fields": lambda: _HEAD + b"X-Field: some words\r\n" * ((BYTES - 500) // 21) + b"\r\ntext\r\n",
    "header without an end": lambda: _HEAD + b"x" * (BYTES - 500),
    "parts": _many_parts,
    "lines": lambda: _filled(b"", b"\r\n"),
    "bare CR": lambda: (_HEAD + b"\r\n" + b"x\r\n" * (BYTES // 2 - 500)).replace(b"\r\n", b"\r"),
    "one long line": lambda: _HEAD + b"\r\n" + b"x" * (BYTES - 500),
    "NULs": lambda: bytes(BYTES - 1),
    "NULs in the text": lambda: _HEAD + b"\r\n" + bytes(BYTES - 500),
    "line feeds": lambda: b"\n" * (BYTES - 1),
    "8 MB of text": lambda: _in_place(b"text/plain", _WORDS),
    "8 MB of text in UTF-8": lambda: _in_place(b"text/plain", _UTF8),
    "8 MB of html": lambda: _in_place(b"text/html", b"<p>" + _WORDS * 20),
    "8 MB of html in UTF-8": lambda: _in_place(b"text/html", b"<p>" + _UTF8 * 20),
    "8 MB of short words in html": lambda: _in_place(b"text/html", b"<p>" + b"a " * 100),
    "8 MB of tags of 400 attributes": lambda: _in_place(
        b"text/html", b"<p " + b" ".join(b"a%d" % k for k in range(400)) + b">"
    ),
    "a mail in a mail": lambda: _HEAD + b"Content-Type: message/rfc822\r\n\r\n" + PLAIN["text"]()[: BYTES - 1_000],
}
"""Name -> what makes a mail of just under 35 MB, or one whose text is just short enough to be read."""


class Cost(NamedTuple):
    """CPU seconds of reading, of what is asked of the message afterwards, and peak memory in MB; `failed` is empty where all went well."""

    reading: float
    asking: float
    megabytes: int
    failed: str = ""

    @property
    def fits(self) -> bool:
        """Tell whether the mail was read within the bounds."""
        return not self.failed and self.reading + self.asking <= SECONDS and self.megabytes <= MEGABYTES


@dataclass(frozen=True, slots=True)
class _Scaled:
    """A hostile family at just under 35 MB, or at as much as is still read in place."""

    make: Callable[[int], bytes]
    size: int
    length: int = BYTES

    def __call__(self) -> bytes:
        """Make the mail; families whose numbers grow in digits are cut to size."""
        each = len(self.make(self.size)) / self.size
        return self.make(int(self.length / each))[: self.length - 1]


_SLOW_TO_MAKE = ("signatures in signatures",)  # "signatures around a large text" is the same in large

MAILS: dict[str, Callable[[], bytes]] = {
    **PLAIN,
    **{f"hostile: {name}": _Scaled(*FAMILIES[name]) for name in FAMILIES if name not in _SLOW_TO_MAKE},
    **{f"8 MB: {name}": _Scaled(*FAMILIES[name], _READ_IN_PLACE) for name in FAMILIES if name not in _SLOW_TO_MAKE},
}
"""Name -> what makes the mail, all of them."""


def cost(name: str) -> Cost:
    """Read one of the mails in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mail.eml")
        path.write_bytes(MAILS[name]())
        child = [sys.executable, "-m", "tests.core.large", "--read", str(path)]
        done = subprocess.run(child, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode:
        return Cost(0, 0, 0, done.stderr[-500:])
    return Cost(*json.loads(done.stdout))


def _read(path: Path) -> Cost:
    raw = path.read_bytes()
    began = time.process_time()
    message = parse(raw)
    read = time.process_time()
    dedupe.message_key(message, "incoming")
    reading(message, "x.eml", ())
    asked = time.process_time()
    failed = "; ".join(one for one in message.defects if one.startswith("not read"))
    return Cost(read - began, asked - read, _peak(), failed)


def _peak() -> int:
    """Return the most memory of this process in MB.  The kernel's ru_maxrss would begin with that of the parent."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


def main() -> int:
    """Print the table, or read the one mail that a child was started for."""
    if sys.argv[1:2] == ["--read"]:
        sys.stdout.write(json.dumps(_read(Path(sys.argv[2]))))
        return 0
    over = 0
    for name in sys.argv[1:] or MAILS:
        found = cost(name)
        over += not found.fits
        mark = "" if found.fits else f"  OVER {found.failed}"
        sys.stdout.write(f"{name:50} {found.reading:6.2f} s {found.asking:6.2f} s {found.megabytes:5} MB{mark}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{over} over {SECONDS:g} s or {MEGABYTES} MB\n")
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
