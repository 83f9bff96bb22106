"""Several nodes of Ray on one machine, and the processes that may be killed."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from flowact.bench.free_port import free_port
from flowact.fleet.engine import STORE_BYTES, set_environment
from flowact.fleet.loopback_network import LOOPBACK, stay_on_loopback

CPUS: Final = 8
"""That a node says it has; nothing here asks for one."""


@contextlib.contextmanager
def ray_nodes(count: int, secret: str, redis: str) -> Iterator[Any]:
    """Be connected to a Ray of so many nodes within the block; gives Ray's own `Cluster`.

    Args:
        count: nodes, the head among them.
        secret: of the fleet.
        redis: address of what keeps Ray's tables while its GCS is gone, like `127.0.0.1:6379`.
    """
    set_environment(secret)
    os.environ["RAY_REDIS_ADDRESS"] = redis
    import ray

    stay_on_loopback()
    from ray.cluster_utils import Cluster

    cluster: Any = Cluster(initialize_head=True, head_node_args=_node(head=True))
    try:
        for _ in range(count - 1):
            cluster.add_node(**_node(head=False))
        ray.init(cluster.address, _node_ip_address=LOOPBACK, log_to_driver=False)
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def cut_head(cluster: Any, seconds: float) -> None:
    """Kill Ray's GCS, which knows where everything is, and start it again later."""
    cluster.head_node.kill_gcs_server()
    time.sleep(seconds)
    cluster.head_node.start_gcs_server()


def _node(*, head: bool) -> dict[str, Any]:
    only_head = {"include_dashboard": False, "no_monitor": True} if head else {}
    return {
        "node_ip_address": LOOPBACK,
        "num_cpus": CPUS,
        "object_store_memory": STORE_BYTES,
        "include_log_monitor": False,
        # Given, or the node waits for files of its agents, which a busy machine writes too late.
        "metrics_agent_port": free_port(),
        "runtime_env_agent_port": free_port(),
        "dashboard_agent_listen_port": free_port(),
        "metrics_export_port": free_port(),
        **only_head,
    }


def processes(title: str) -> list[int]:
    """Return the numbers of this process's descendants whose title begins so, as Ray writes titles."""
    parents, titles = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            rest = (folder / "stat").read_text().rsplit(") ", 1)[1]
            parents[int(folder.name)] = int(rest.split()[1])
            titles[int(folder.name)] = (folder / "cmdline").read_text()
    ours, more = set[int](), {os.getpid()}
    while more:
        ours |= more
        more = {pid for pid, parent in parents.items() if parent in ours} - ours
    return sorted(pid for pid in ours if titles.get(pid, "").startswith(title))


def parent(pid: int) -> int:
    """Return the number of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()[1])


def resident_mb(pid: int) -> float:
    """Return the memory that a process has, in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
