"""Do something for each of many mailboxes, a few at a time, with a bar on a terminal once it takes longer than a second."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from email_router.cli.output import errors

AT_ONCE = 4
"""How many mailboxes are worked on at once where nothing else is said: far below what Exchange allows one account (27)."""

_SECONDS_BEFORE_A_BAR = 1.0

Given = TypeVar("Given")
Made = TypeVar("Made")


def for_each(what: str, given: Sequence[Given], work: Callable[[Given], Made], at_once: int = AT_ONCE) -> list[Made]:
    """Return what `work` makes of each, in order.  `work` answers failures itself; when interrupted, what was begun is ended."""
    with _bar(what, len(given)) as advance, ThreadPoolExecutor(min(at_once, len(given) or 1)) as threads:
        begun = [threads.submit(work, one) for one in given]
        for one in begun:
            one.add_done_callback(lambda _: advance())
        return _results(begun)


def _results(begun: Sequence[Future[Made]]) -> list[Made]:
    try:
        return [one.result() for one in begun]
    except BaseException:
        for one in begun:
            one.cancel()
        raise


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    console = errors()
    if not console.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task(what, total=total)
    late = threading.Timer(_SECONDS_BEFORE_A_BAR, progress.start)
    late.daemon = True
    late.start()
    try:
        yield lambda: progress.advance(task)
    finally:
        late.cancel()
        late.join()
        progress.stop()
