"""How many replicas of a preset there are to be."""

from __future__ import annotations

import math
from typing import Any, Final

from ray.serve.config import AutoscalingContext

BUSY: Final = 0.7
"""Share of its time that a replica's worker may compute in the long run."""
SPARE: Final = 1
"""Replicas, loaded and warm, that stand by where there may be so many."""
IDLE: Final = 0.05
"""Servers' worth of work that is none: how busy a worker was is forgotten little by little, and never quite."""


def replicas_wanted(context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
    """Serve's policy for avatars: room for all sessions and whoever waits, and a spare one.

    There are more when workers are busier than they should be, and never fewer while somebody waits.

    Args:
        context: what Serve knows of the deployment. Requests are leases; `busy` and `places` are what every
            replica says of itself, `waiting` what the gateway told it last.

    Returns:
        How many, and a state that is not used.
    """
    metrics = context.aggregated_metrics or {}
    busy, places, waits = (
        list(metrics.get(name, {}).values()) for name in ("busy", "places", "waiting")
    )
    each = max(sum(places) / len(places), 1.0) if places else 1.0
    waiting = max(waits, default=0.0)
    for_sessions = (context.total_num_requests + waiting) / each
    for_work = sum(busy) / BUSY
    wanted = math.ceil(max(for_sessions, for_work if for_work > IDLE else 0.0)) + SPARE
    if waiting:
        wanted = max(wanted, context.target_num_replicas)
    least, most = context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas
    return min(max(wanted, least), most), {}
