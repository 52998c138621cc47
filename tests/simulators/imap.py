"""A small IMAP server in a thread that can be told to misbehave: it keeps one mailbox, and a script says what it says otherwise."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulators.listener import Listener
from tests.simulators.tls import server_side

PASSWORD = "imap-password"
CAPABILITIES = "IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2 UIDPLUS MOVE SPECIAL-USE NAMESPACE"


@dataclass
class Script:
    """What goes wrong.  `answers` maps the start of a command to raw bytes in place of its answer ("TAG" stands for its tag).

    Empty bytes close the line.  `before` is said before the answer to such a command.  `cut_sent` closes the line after so many bytes;
    `inject_after_starttls` goes out in the same breath as the answer to STARTTLS; `size` is what RFC822.SIZE claims of every message.
    """

    greeting: bytes = b"* OK ready\r\n"
    capabilities: str = CAPABILITIES
    capabilities_in_login: bool = True
    answers: dict[str, bytes] = field(default_factory=dict)
    before: dict[str, bytes] = field(default_factory=dict)
    cut_sent: int | None = None
    inject_after_starttls: bytes = b""
    starttls_words: str = "begin"
    token: str = "good-token"
    size: int | None = None
    backwards: bool = False
    on_command: Callable[[str], None] | None = None


@dataclass
class Kept:
    """A message in a folder."""

    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)
    date: str = "24-Nov-2026 10:00:00 +0000"


@dataclass
class Box:
    """A folder."""

    validity: int = 7
    next: int = 1
    kept: list[Kept] = field(default_factory=list)

    def put(self, raw: bytes, date: str = "24-Nov-2026 10:00:00 +0000") -> int:
        self.kept.append(Kept(self.next, raw, date=date))
        self.next += 1
        return self.next - 1

    def drop(self, uids: set[int]) -> None:
        self.kept = [one for one in self.kept if one.uid not in uids]


class CutError(Exception):
    """The line is to break here."""


class ImapServer:
    """Listens on a free port of this machine.  `commands` is what clients said, without their tags."""

    def __init__(self, certificate: tuple[Path, Path] | None = None, *, tls: bool = False) -> None:
        self.script = Script()
        self.folders: dict[str, Box] = {"INBOX": Box()}
        self.commands: list[str] = []
        self.sessions = 0
        self.sent = 0
        self.tls = tls
        self.context = server_side(*certificate) if certificate else None
        self._listener = Listener(self._serve)
        self.port = self._listener.port

    @property
    def inbox(self) -> Box:
        return self.folders["INBOX"]

    def stop(self) -> None:
        self._listener.stop()

    def _serve(self, line: socket.socket) -> None:
        self.sessions += 1
        threading.Thread(target=self._session, args=(line,), daemon=True).start()

    def _session(self, line: socket.socket) -> None:
        line.settimeout(20)
        session = None
        with contextlib.suppress(CutError, OSError, ValueError):
            if self.tls and self.context:
                line = self.context.wrap_socket(line, server_side=True)
            session = _Session(self, line)
            session.run()
        with contextlib.suppress(OSError):
            (session.line if session else line).shutdown(socket.SHUT_RDWR)
        (session.line if session else line).close()


class _Session:
    def __init__(self, server: ImapServer, line: socket.socket) -> None:
        self.server = server
        self.script = server.script
        self.line = line
        self.reader = line.makefile("rb")
        self.sent = 0
        self.box = Box()
        self.folder = ""

    def run(self) -> None:
        self.send(self.script.greeting)
        while raw := self.reader.readline():
            tag, _, command = raw.rstrip(b"\r\n").decode("utf-8", "replace").partition(" ")
            while found := re.search(r"\{(\d+)\}$", command):
                self.send(b"+ go on\r\n")
                command = command[: found.start()] + self.reader.read(int(found[1])).decode("utf-8", "replace")
                command += self.reader.readline().rstrip(b"\r\n").decode("utf-8", "replace")
            self.server.commands.append(command)
            if self.script.on_command:
                self.script.on_command(command)
            for start, said in self.script.before.items():
                if command.startswith(start):
                    self.send(said)
            scripted = next((said for start, said in self.script.answers.items() if command.startswith(start)), None)
            if scripted is not None:
                if not scripted:
                    return
                self.send(scripted.replace(b"TAG", tag.encode()))
                continue
            if not self.answer(tag, command):
                return

    def send(self, data: bytes) -> None:
        cut = self.script.cut_sent
        if cut is not None and self.sent + len(data) >= cut:
            self.line.sendall(data[: max(0, cut - self.sent)])
            raise CutError
        self.sent += len(data)
        self.server.sent += len(data)
        self.line.sendall(data)

    def ok(self, tag: str, words: str = "done", *lines: bytes) -> bool:
        self.send(b"".join(line + b"\r\n" for line in lines) + f"{tag} OK {words}\r\n".encode())
        return True

    def no(self, tag: str, words: str) -> bool:
        self.send(f"{tag} NO {words}\r\n".encode())
        return True

    def answer(self, tag: str, command: str) -> bool:
        verb, _, rest = command.partition(" ")
        if verb == "UID":
            verb, _, rest = rest.partition(" ")
            verb = f"UID_{verb}"
        return bool(getattr(self, f"do_{verb.lower()}", self.unknown)(tag, rest))

    def unknown(self, tag: str, rest: str) -> bool:
        self.send(f"{tag} BAD unknown command\r\n".encode())
        return True

    def do_capability(self, tag: str, rest: str) -> bool:
        return self.ok(tag, "done", f"* CAPABILITY {self.script.capabilities}".encode())

    def do_starttls(self, tag: str, rest: str) -> bool:
        if self.server.context is None:
            return self.no(tag, "no TLS here")
        self.send(f"{tag} OK {self.script.starttls_words}\r\n".encode() + self.script.inject_after_starttls)
        self.reader.close()
        self.line = self.server.context.wrap_socket(self.line, server_side=True)
        self.reader = self.line.makefile("rb")
        return True

    def logged_in(self, tag: str, right: bool) -> bool:
        if not right:
            return self.no(tag, "[AUTHENTICATIONFAILED] wrong")
        told = f"[CAPABILITY {self.script.capabilities}] " if self.script.capabilities_in_login else ""
        return self.ok(tag, f"{told}welcome")

    def do_login(self, tag: str, rest: str) -> bool:
        return self.logged_in(tag, rest.endswith((f'"{PASSWORD}"', f" {PASSWORD}")))

    def do_authenticate(self, tag: str, rest: str) -> bool:
        mechanism, _, coded = rest.partition(" ")
        if not coded:
            self.send(b"+ \r\n")
            coded = self.reader.readline().strip().decode()
        said = base64.b64decode(coded).decode()
        if mechanism == "PLAIN":
            return self.logged_in(tag, said.split("\0")[-1] == PASSWORD)
        if f"Bearer {self.script.token}\1" in said:
            return self.logged_in(tag, True)
        self.send(b"+ " + base64.b64encode(b'{"status":"400"}') + b"\r\n")
        self.server.commands.append(f"challenge: {self.reader.readline().strip().decode()}")
        return self.no(tag, "[AUTHENTICATIONFAILED] token refused")

    def do_namespace(self, tag: str, rest: str) -> bool:
        return self.ok(tag, "done", b'* NAMESPACE (("" "/")) NIL NIL')

    def do_list(self, tag: str, rest: str) -> bool:
        wanted = rest.rpartition(" ")[2].strip('"')
        names = [name for name in self.folders() if wanted in {"*", name} and "(SPECIAL-USE)" not in rest]
        return self.ok(tag, "done", *(f'* LIST () "/" "{name}"'.encode() for name in names))

    def folders(self) -> list[str]:
        return list(self.server.folders)

    def do_create(self, tag: str, rest: str) -> bool:
        self.server.folders.setdefault(rest.strip('"'), Box())
        return self.ok(tag)

    def do_subscribe(self, tag: str, rest: str) -> bool:
        return self.ok(tag)

    def do_status(self, tag: str, rest: str) -> bool:
        name = rest[1 : rest.index('"', 1)]
        box = self.server.folders.get(name)
        if box is None:
            return self.no(tag, "[NONEXISTENT] no such folder")
        told = f"MESSAGES {len(box.kept)} UIDNEXT {box.next} UIDVALIDITY {box.validity}"
        return self.ok(tag, "done", f'* STATUS "{name}" ({told})'.encode())

    def do_examine(self, tag: str, rest: str) -> bool:
        self.folder = rest.strip('"')
        box = self.server.folders.get(self.folder)
        if box is None:
            return self.no(tag, "[NONEXISTENT] no such folder")
        self.box = box
        lines = [
            f"* {len(box.kept)} EXISTS",
            f"* OK [UIDVALIDITY {box.validity}] valid",
            f"* OK [UIDNEXT {box.next}] next {{5}}",
        ]
        return self.ok(tag, "[READ-WRITE] open", *(line.encode() for line in lines))

    do_select = do_examine

    def meant(self, text: str) -> list[Kept]:
        """The messages that a set names."""
        uids: set[int] = set()
        last = max((one.uid for one in self.box.kept), default=0)
        for part in text.split(","):
            first, _, end = part.replace("*", str(last)).partition(":")
            low, high = sorted((int(first), int(end or first)))
            uids.update(one.uid for one in self.box.kept if low <= one.uid <= high)
        return [one for one in self.box.kept if one.uid in uids]

    def do_uid_search(self, tag: str, rest: str) -> bool:
        words = rest.split()
        found = self.meant(words[1])
        if "DELETED" in words:
            found = [one for one in found if "\\Deleted" in one.flags]
        return self.ok(tag, "done", b"* SEARCH" + b"".join(b" %d" % one.uid for one in found))

    def do_uid_fetch(self, tag: str, rest: str) -> bool:
        which, _, what = rest.partition(" ")
        rows = self.meant(which)
        for one in reversed(rows) if self.script.backwards else rows:
            self.send(self.row(one, what))
        return self.ok(tag)

    def do_fetch(self, tag: str, rest: str) -> bool:
        if self.box.kept:
            self.send(self.row(self.box.kept[0], rest))
        return self.ok(tag)

    def row(self, one: Kept, what: str) -> bytes:
        head = b"* %d FETCH (UID %d" % (self.box.kept.index(one) + 1, one.uid)
        if "BODY" not in what:
            size = len(one.raw) if self.script.size is None else self.script.size
            return head + f' RFC822.SIZE {size} INTERNALDATE "{one.date}")\r\n'.encode()
        raw = one.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if "HEADER" in what else one.raw
        name = b"BODY[HEADER]<0>" if "HEADER" in what else b"BODY[]"
        return head + b" %b {%d}\r\n%b)\r\n" % (name, len(raw), raw)

    def do_uid_store(self, tag: str, rest: str) -> bool:
        which, _, flags = rest.partition(" ")
        for one in self.meant(which):
            one.flags.update(flags[flags.index("(") + 1 : -1].split())
        return self.ok(tag)

    def do_uid_expunge(self, tag: str, rest: str) -> bool:
        self.box.drop({one.uid for one in self.meant(rest) if "\\Deleted" in one.flags})
        return self.ok(tag)

    def into(self, rest: str) -> list[Kept] | None:
        which, _, name = rest.partition(" ")
        target = self.server.folders.get(name.strip('"'))
        if target is None:
            return None
        meant = self.meant(which)
        for one in meant:
            target.put(one.raw)
        return meant

    def do_uid_copy(self, tag: str, rest: str) -> bool:
        return self.no(tag, "[TRYCREATE] no such folder") if self.into(rest) is None else self.ok(tag)

    def do_uid_move(self, tag: str, rest: str) -> bool:
        moved = self.into(rest)
        if moved is None:
            return self.no(tag, "[TRYCREATE] no such folder")
        self.box.drop({one.uid for one in moved})
        return self.ok(tag)

    def do_logout(self, tag: str, rest: str) -> bool:
        self.send(f"* BYE good bye\r\n{tag} OK done\r\n".encode())
        return False
