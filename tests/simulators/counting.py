"""Stand between a client and a server, and count the connections: for servers that do not tell."""

from __future__ import annotations

import contextlib
import socket
import threading

_PIECE = 256 * 1024


class CountingProxy:
    """Hands every byte on to a port of this machine; `connections` tells how many were opened."""

    def __init__(self, target: int) -> None:
        self.connections = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Take no further connection, and wait until those that there are have ended."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        for one in list(self._threads):
            one.join(5)

    def _serve(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                self._threads.append(threading.Thread(target=_carry, args=(near, self._target), daemon=True))
                self._threads[-1].start()


def _carry(near: socket.socket, target: int) -> None:
    with near, socket.create_connection(("127.0.0.1", target)) as far:
        back = threading.Thread(target=_copy, args=(far, near), daemon=True)
        back.start()
        _copy(near, far)
        back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := source.recv(_PIECE):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
