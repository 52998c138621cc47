"""Import late and in turn: what is large is imported when it is first needed, and that may be in several threads at once.

Two threads that import modules of one circle would each hold what the other waits for; Python then hands out a half-imported module instead
of waiting, and the import fails.  `requests`, which both msal and exchangelib bring, has such a circle.
"""

from __future__ import annotations

import importlib
import threading
from typing import Any

_ONE_AT_A_TIME = threading.RLock()


def in_turn(name: str) -> Any:  # noqa: ANN401 - a module, of which some have no types
    """Return the module of this name, imported while no other thread imports one by this function.  Raises ImportError."""
    with _ONE_AT_A_TIME:
        return importlib.import_module(name)
