"""Which gateway is asked: always the same one, and another when that is gone."""

from __future__ import annotations

import math

from ray.serve.request_router import FIFOMixin, PendingRequest, RequestRouter, RunningReplica


class GatewayRouter(FIFOMixin, RequestRouter):
    """Prefers the gateway that is there longest: it knows the line, and the others stand by.

    Every gateway says in its routing statistics when it `began`.
    """

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """Return all of them, each as a group of its own, in the order in which they are tried."""

        def age(one: RunningReplica) -> tuple[float, str]:
            return one.routing_stats.get("began", math.inf), one.replica_id.unique_id

        return [[one] for one in sorted(candidate_replicas, key=age)]
