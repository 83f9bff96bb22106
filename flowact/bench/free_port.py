"""A port for a server that is about to start."""

from __future__ import annotations

import secrets
import socket
from typing import Final

RANGE: Final = range(20_000, 32_768)
"""Below the ports that Linux gives to outgoing connections (32768 to 60999), above those that Ray
gives to its workers: nobody takes one by chance before the server listens."""


def free_port() -> int:
    """Return a port that nobody listens on at the loopback address."""
    while True:
        port = secrets.choice(RANGE)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
