"""Carry a line to a server, and cut it when the server has said so much."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

_PIECE = 4096


class CuttingProxy:
    """Listens on `port` of this machine and carries every connection to another port.  What is said is not understood, TLS goes through.

    `said` counts the bytes that came from the server; cut_after() ends the connection on which the next ones would exceed a number, once.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self._left: int | None = None
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self.said = 0
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, said: int) -> None:
        """Cut the line once the server has said so many more bytes."""
        with self._lock:
            self._left = said

    def mend(self) -> None:
        """Cut nothing any more."""
        with self._lock:
            self._left = None

    def close(self) -> None:
        """Hang up everything."""
        _end(self._listener)
        for pair in self._pairs:
            _end(*pair)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                client.close()
                continue
            self._pairs.append((client, server))
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()
            threading.Thread(target=self._answer, args=(server, client), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := client.recv(_PIECE):
                server.sendall(piece)
        _end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := server.recv(_PIECE):
                allowed = self._allowed(len(piece))
                client.sendall(piece[:allowed])
                if allowed < len(piece):
                    break
        _end(client, server)

    def _allowed(self, size: int) -> int:
        with self._lock:
            self.said += size
            if self._left is None:
                return size
            allowed = min(size, self._left)
            self._left -= allowed
            if allowed < size:
                self._left = None
                self.cuts += 1
            return allowed


def _end(*lines: socket.socket) -> None:
    for line in lines:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        line.close()
