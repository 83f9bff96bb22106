"""A viewer who takes nothing is noticed soon: the kernel has little room for what waits."""

import socket

from flowact.live.server.listening import KERNEL_BYTES, listen_at


def test_the_kernel_takes_no_more_than_seconds_of_what_a_viewer_does_not_read():
    with listen_at("127.0.0.1", 0) as door, socket.create_connection(door.getsockname()) as idle:
        served, _ = door.accept()
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
        with served:
            served.setblocking(False)
            taken = 0
            while True:
                try:
                    taken += served.send(bytes(16_384))
                except BlockingIOError:
                    break
    assert 0 < taken < 8 * KERNEL_BYTES
