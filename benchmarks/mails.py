"""The mails that readers are measured on: generated ones with their truth, and the corpora beside the project."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.readers import Reader
from tests.core import corpus
from tests.core.corpus import squeezed
from tests.shared import SHARED

GENERATOR = SHARED / "benchmark" / "generate_mail.py"
_SEED = 7


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated mail and what a reader must recover of it."""

    raw: bytes
    truth: dict[str, Any]

    @property
    def small(self) -> bool:
        """Tell whether it is of the small class: 5 to 30 KB."""
        return bool(self.truth["class"] == "s")


def generated(count: int) -> list[Generated]:
    """Return so many generated mails, always the same: 80 % small, 15 % of 100 to 500 KB, 5 % of 2 to 5 MB."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, str(GENERATOR), folder, str(count), str(_SEED)], check=True)
        lines = Path(folder, "truth.jsonl").read_text("utf-8").splitlines()
        truths = [json.loads(line) for line in lines]
        return [Generated(Path(folder, "msgs", f"{truth['i']:05d}.eml").read_bytes(), truth) for truth in truths]


def foreign() -> list[bytes]:
    """Return every mail of the corpora."""
    found = sorted(path for path in corpus.ROOT.rglob("*") if path.suffix in (".eml", ".txt"))
    return [path.read_bytes() for path in found if path.parent.name != "LICENSES"]


def met(reader: Reader, mails: list[Generated]) -> tuple[int, int]:
    """Return how many expected values of generated mails the reader finds, and how many there are."""
    answers = [same for mail in mails for same in _compared(reader, mail)]
    return sum(answers), len(answers)


def _compared(reader: Reader, mail: Generated) -> Iterator[bool]:
    found, truth = reader.message(mail.raw), mail.truth
    yield squeezed(found.subject) == squeezed(truth["subject"])
    yield found.author is not None and found.author.address == truth["sender"]
    yield found.message_id == truth["mid"]
    if "irt" in truth:
        yield found.in_reply_to == truth["irt"]
    yield squeezed(found.text) == squeezed(truth["text"])
    digests = {one.sha256: one.name for one in found.attachments}
    for name, _, digest in truth["att"]:
        yield digest in digests
        yield squeezed(digests.get(digest, "")) == squeezed(name)


def met_of_corpora(reader: Reader) -> tuple[int, int]:
    """Return how many expected values of the corpora with a full reading the reader finds, and how many there are."""
    results = [corpus.imap_tools(reader.message), corpus.stalwart(reader.message)]
    return sum(sum(one.agreed.values()) for one in results), sum(sum(one.expected.values()) for one in results)
