"""The folder of the POP3 server: messages, what goes wrong, and what clients said, so that no other channel is needed.

`mail/<address>/<number>.eml` is a message (its unique id in `<number>.uid`), `faults.json` what goes wrong, `commands.log` what clients
said.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Faults:
    """What goes wrong, from the next session on.  `cut_after` counts the bytes sent in a session before the line is cut.

    `answers` maps a command's first words ("PASS", "RETR 2") to the answer given instead; `greeting` replaces the greeting;
    `inject_after_stls` is sent in the same breath as the answer to STLS; `list_size` is what LIST claims of every message.
    """

    cut_after: int | None = None
    answers: dict[str, str] = field(default_factory=dict)
    greeting: str = ""
    pipelining: bool = True
    top: bool = True
    capa: bool = True
    stls: bool = True
    inject_after_stls: str = ""
    list_size: int | None = None
    delay: float = 0.0


class Store:
    """The folder: messages, faults, and the log of commands."""

    def __init__(self, folder: Path) -> None:
        """Use the folder, made where it is missing."""
        self.folder = folder
        (folder / "mail").mkdir(parents=True, exist_ok=True)

    def mailbox(self, address: str) -> Path:
        """Return the folder of one mailbox, made where it is missing."""
        path = self.folder / "mail" / address.casefold().replace("/", "_")
        path.mkdir(exist_ok=True)
        return path

    def put(self, address: str, raw: bytes, unique_id: str = "") -> str:
        """Add a message with CRLF line ends; return its unique id."""
        box = self.mailbox(address)
        number = max((int(path.stem) for path in box.glob("*.eml")), default=0) + 1
        counter = box / "next"
        number = max(number, int(counter.read_text()) if counter.exists() else 1)
        counter.write_text(str(number + 1))
        unique_id = unique_id or f"uid-{number}"
        (box / f"{number:08d}.uid").write_text(unique_id)
        temporary = box / f"{number:08d}.new"
        temporary.write_bytes(raw)
        temporary.rename(box / f"{number:08d}.eml")
        return unique_id

    def messages(self, address: str) -> list[tuple[str, Path]]:
        """Return unique id and file of each message, oldest first."""
        return [(path.with_suffix(".uid").read_text(), path) for path in sorted(self.mailbox(address).glob("*.eml"))]

    def faults(self) -> Faults:
        """Return what is to go wrong."""
        path = self.folder / "faults.json"
        return Faults(**json.loads(path.read_text())) if path.exists() else Faults()

    def set_faults(self, faults: Faults) -> None:
        """Say what is to go wrong."""
        temporary = self.folder / "faults.new"
        temporary.write_text(json.dumps(asdict(faults)))
        temporary.rename(self.folder / "faults.json")

    def log(self, line: bytes) -> None:
        """Note what a client said."""
        with (self.folder / "commands.log").open("ab") as log:
            log.write(line + b"\n")

    def commands(self) -> list[str]:
        """Return what clients said, oldest first."""
        path = self.folder / "commands.log"
        return path.read_text(errors="replace").splitlines() if path.exists() else []
