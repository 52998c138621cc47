"""Stand between a client and a server, and count how often the client waits: for what is billed by the second."""

from __future__ import annotations

import contextlib
import select
import socket
import threading

_PIECE = 256 * 1024


class Flights:
    """Hands every byte on to a port of this machine.

    `waits` are round trips: one to open a connection, and one for each flight of the client's that is answered, those of TLS among them.
    `sent` are the bytes that the client sends.
    """

    def __init__(self, target: int) -> None:
        self.waits = self.sent = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no further connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.waits += 1
                with near, socket.create_connection(("127.0.0.1", self._target)) as far:
                    self._carry(near, far)

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        asked = False
        while True:
            ready, _, _ = select.select([near, far], [], [])
            source, target = (near, far) if near in ready else (far, near)
            data = source.recv(_PIECE)
            if not data:
                return
            if source is near:
                asked, self.sent = True, self.sent + len(data)
            elif asked:
                asked, self.waits = False, self.waits + 1
            with contextlib.suppress(OSError):
                target.sendall(data)
