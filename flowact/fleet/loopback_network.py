"""Ray on one machine, seen by nobody else."""

from __future__ import annotations

from typing import Any, Final

LOOPBACK: Final = "127.0.0.1"


def stay_on_loopback() -> None:
    """Let Ray and Serve listen on and speak to 127.0.0.1 only, in this process.

    Ray takes an address of the machine's network where it is told the loopback address, and replicas of Serve
    listen on all addresses; neither has a setting.
    """
    from ray._private import services
    from ray.serve._private import replica

    services.get_node_ip_address = lambda *_args, **_named: LOOPBACK
    module: Any = replica
    if not isinstance(module.add_port_to_grpc_server, _OnLoopback):
        module.add_port_to_grpc_server = _OnLoopback(module.add_port_to_grpc_server)


class _OnLoopback:
    """Listens where it is told, but for all addresses takes one."""

    def __init__(self, listen: Any) -> None:
        self._listen = listen

    def __call__(self, server: object, address: str) -> int:
        return int(self._listen(server, address.replace("[::]", LOOPBACK)))
