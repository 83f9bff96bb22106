"""Ray itself: started on this machine, or joined where it runs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

from flowact.errors import UserError
from flowact.fleet.loopback_network import LOOPBACK, stay_on_loopback

LOCAL: Final = "local"
OLDEST: Final = (2, 50)
STORE_BYTES: Final = 80_000_000
"""Of Ray's own store of objects, which carries nothing here; the least that it takes."""
ENVIRONMENT: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_SERVE_QUEUE_LENGTH_RESPONSE_DEADLINE_S": "1.0",
    "RAY_agent_register_timeout_ms": "180000",
    "RAY_AUTH_MODE": "token",
    "RAY_SERVE_REPLICA_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "2.0",
    "RAY_SERVE_HANDLE_AUTOSCALING_METRIC_PUSH_INTERVAL_S": "2.0",
}


def check_ray() -> None:
    """Find out whether Ray can be used.

    Raises:
        UserError: it is not installed, or too old.
    """
    if find_spec("ray") is None:
        raise UserError("--fleet needs more packages: pip install 'flowact[fleet]'.")
    installed = version("ray")
    if tuple(int(part) for part in installed.split(".")[:2]) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise UserError(f"--fleet needs Ray {oldest} or newer; {installed} is installed.")


def set_environment(secret: str) -> None:
    """Set what Ray reads when it is imported; what the owner has set stays."""
    for name, value in {**ENVIRONMENT, "RAY_AUTH_TOKEN": ray_token(secret)}.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def ray_engine(address: str, secret: str, **options: Any) -> Iterator[None]:
    """Be connected to Ray within the block.

    Args:
        address: of a head node, like `10.0.0.1:6379`; `local` starts Ray here, and ends it with the block.
        secret: of the fleet; Ray's own token is derived from it where none is set.
        options: for `ray.init`, of a Ray that is started here.

    Raises:
        UserError: there is no such head, or it does not know the secret.
    """
    check_ray()
    set_environment(secret)
    import ray

    ending, local = signal.getsignal(signal.SIGTERM), address == LOCAL
    if local:
        stay_on_loopback()
        here = {"include_dashboard": False, "object_store_memory": STORE_BYTES, **options}
        ray.init("local", _node_ip_address=LOOPBACK, log_to_driver=False, **here)
    else:
        _join(address)
    signal.signal(signal.SIGTERM, ending)  # Ray's own ends the process without a word
    try:
        yield
    finally:
        ray.shutdown()


def ray_token(secret: str) -> str:
    """Return the token that Ray's processes show each other, derived from the fleet's secret."""
    return hashlib.sha256(b"flowact: token of ray " + secret.encode()).hexdigest()


def _join(address: str) -> None:
    import ray
    from ray.exceptions import RayError

    if address.startswith(f"{LOOPBACK}:"):
        stay_on_loopback()
    try:
        ray.init(address, log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError, RayError) as error:
        raise UserError(
            f"No Ray answers at {address} ({type(error).__name__}); start its head with "
            "`ray start --head`, with the same RAY_AUTH_TOKEN, or write --fleet local."
        ) from error
