"""The socket that viewers connect to, with little room in the kernel: what waits there nobody can throw away."""

from __future__ import annotations

import socket
from typing import Final

KERNEL_BYTES: Final = 262_144
"""Of every connection's sound and pictures; the kernel makes room for twice as much. Left to
itself it takes in megabytes, and a slow viewer is far behind before `SendQueue` hears of it."""


def listen_at(host: str, port: int, backlog: int = 128) -> socket.socket:
    """Listen at an address; connections inherit the bound.

    Raises:
        OSError: the address is taken, or not this machine's.
    """
    made = socket.create_server((host, port), backlog=backlog)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
    return made
