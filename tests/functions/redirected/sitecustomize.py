"""Lead a function's process to a server of the test where it asks for Amazon SNS: the network is replaced, and nothing of the function.

On the path of a function, Python reads this file before anything else.  `SNS_AT` is the port on this machine.
"""

from __future__ import annotations

import os
import socket
from typing import Any

_HOST = "sns.eu-central-1.amazonaws.com"
_HTTPS = ("127.0.0.1", 443)
_resolve, _connect = socket.getaddrinfo, socket.create_connection


def _resolved(host: Any, *given: Any, **named: Any) -> Any:
    return _resolve(_HTTPS[0] if host == _HOST else host, *given, **named)


def _connected(address: Any, *given: Any, **named: Any) -> Any:
    at = (address[0], int(os.environ["SNS_AT"])) if tuple(address) == _HTTPS else address
    return _connect(at, *given, **named)


socket.getaddrinfo, socket.create_connection = _resolved, _connected
