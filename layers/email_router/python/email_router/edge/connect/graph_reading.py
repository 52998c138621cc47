"""Tell answers of Microsoft Graph that have an unexpected shape from those that can be read."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from email_router.core.errors import TryLater

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def strange(address: str, what: str) -> TryLater:
    """Return the error for an answer that no reader can use; `what` holds nothing of the answer's own text."""
    text = f"Graph answered {what}"
    return TryLater(f"{address}: {text}" if address else text, kind="graph_answer", shared=True)


def rows_in(found: Mapping[str, Any], address: str, name: str = "value") -> list[dict[str, Any]]:
    """Return the objects of a list in an answer, as GraphReply.rows does."""
    values = found.get(name)
    if values is not None and not isinstance(values, list):
        raise strange(address, f"with {type(values).__name__} where a list of {name} was expected")
    return [one for one in values or () if isinstance(one, dict)]


def next_link(found: Mapping[str, Any], address: str) -> str:
    """Return the link to the next page, empty where there is none.  Raises TryLater for what is no text."""
    link = found.get("@odata.nextLink")
    if link is not None and not isinstance(link, str):
        raise strange(address, f"with {type(link).__name__} where a link was expected")
    return link or ""


@contextmanager
def reading(address: str) -> Iterator[None]:
    """Turn what reading an answer of an unexpected shape raises into TryLater "graph_answer" that names the mailbox.

    The last net: what can be told apart is told apart by whoever reads.  The exception's own text is Graph's data, and is left out.
    """
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as problem:
        raise strange(address, f"in a shape that cannot be read ({type(problem).__name__})") from problem
