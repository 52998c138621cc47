"""Read an XML file that may come from anybody: no document type, no entities, nothing outside of it, and bounds on all that grows.

The file is the original Router's Microsoft.Crm.Tools.EmailAgent.xml.  Expat is Python's own; what it is asked for is refused at the first
declaration, before any entity could be expanded (OWASP, XML External Entity Prevention).
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat  # nosec B406 - declarations are refused below

from email_router.core.errors import ConfigurationError

MOST_BYTES = 10 * 1024 * 1024
MOST_DEPTH = 32
MOST_NODES = 200_000


@dataclass(slots=True)
class Node:
    """An element: its name without prefix, its text, and what lies in it; an attribute is a node without any."""

    name: str
    line: int = 0
    text: str = ""
    children: list[Node] = field(default_factory=list)

    @property
    def is_leaf(self) -> bool:
        """Tell whether it holds a value and no further elements."""
        return not self.children

    @property
    def key(self) -> str:
        """Its name as it is compared: in lower case."""
        return self.name.casefold()

    def within(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Yield the node and all below it, each with its path."""
        here = f"{path}/{self.name}" if path else self.name
        yield here, self
        for child in self.children:
            yield from child.within(here)


def read(path: Path) -> Node:
    """Return the root of the file's elements.

    Raises ConfigurationError for a file that cannot be opened, is too large, is no XML, or holds what a configuration has no use for.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigurationError(f"{path}: is no file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as failure:
        raise ConfigurationError(f"{path}: cannot be opened: {failure.strerror}") from failure
    if len(content) > MOST_BYTES:
        raise ConfigurationError(
            f"{path}: is larger than {MOST_BYTES // 1024 // 1024} MB: no configuration of the E-mail Router is"
        )
    return parsed(content, str(path))


def parsed(content: bytes, name: str) -> Node:
    """Return the root of these bytes' elements; `name` is told in errors.  Raises ConfigurationError as read does."""
    building = _Building(name)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.buffer_size = 1024 * 1024
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = building.refused
    parser.EntityDeclHandler = building.refused
    parser.UnparsedEntityDeclHandler = building.refused
    parser.ExternalEntityRefHandler = building.refused
    parser.StartElementHandler = lambda tag, given: building.begin(tag, given, parser.CurrentLineNumber)
    parser.CharacterDataHandler = building.text
    parser.EndElementHandler = building.end
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat's own way to say that it is all
    except (expat.ExpatError, LookupError, ValueError) as problem:
        raise ConfigurationError(f"{name}: is not XML that can be read: {problem}") from problem
    if building.root is None:
        raise ConfigurationError(f"{name}: is not XML that can be read: it holds no element")
    return building.root


class _Building:
    """The elements as far as they have been read."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._open: list[Node] = []
        self._count = 0
        self.root: Node | None = None

    def refused(self, *_: object) -> int:
        """Refuse a document type or an entity."""
        raise ConfigurationError(
            f"{self._name}: declares a document type or an entity, which no configuration of the E-mail Router has; nothing was read of it"
        )

    def begin(self, tag: str, given: dict[str, str], line: int) -> None:
        """Take an element and its attributes."""
        self._count += 1 + len(given)
        if self._count > MOST_NODES or len(self._open) >= MOST_DEPTH:
            raise ConfigurationError(
                f"{self._name}: line {line}: expected at most {MOST_NODES:,} elements, at most {MOST_DEPTH} deep: no configuration is larger"
            )
        node = Node(_local(tag), line)
        node.children = [
            Node(_local(name), line, value.strip()) for name, value in given.items() if not _is_namespace(name)
        ]
        if self._open:
            self._open[-1].children.append(node)
        self.root = self.root or node
        self._open.append(node)

    def text(self, text: str) -> None:
        """Take text of the element that is open."""
        self._open[-1].text += text

    def end(self, _tag: str) -> None:
        """Close the element that is open."""
        node = self._open.pop()
        node.text = node.text.strip()


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _is_namespace(name: str) -> bool:
    return name == "xmlns" or name.startswith(("xmlns:", "xsi:"))
