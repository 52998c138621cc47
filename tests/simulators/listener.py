"""Listen on a free port of this machine for a server in a thread, so that it can be stopped while it waits."""

from __future__ import annotations

import contextlib
import socket


class Listener:
    """Listens once it is made."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open = True

    def accept(self) -> socket.socket | None:
        """Wait for a client; None once the listener has been stopped."""
        try:
            line, _ = self._listener.accept()
        except OSError:
            return None
        if not self._open:
            line.close()
            return None
        return line

    def stop(self) -> None:
        """Let accept() return."""
        self._open = False
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), 1).close()

    def close(self) -> None:
        """Give the port back."""
        self._listener.close()
