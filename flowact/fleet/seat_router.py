"""Which replica a lease is asked of: the one with the fewest, and none that its visitors have just lost."""

from __future__ import annotations

import random
from typing import Final

from ray.serve.request_router import FIFOMixin, PendingRequest, RequestRouter, RunningReplica

MOST_ASKED: Final = 8
"""Of a large fleet so many replicas, chosen by chance, are compared."""


class RunningReplicas:
    """Names of the replicas that Serve routes to, by deployment, as the routers of this process hear of them."""

    def __init__(self) -> None:
        self._names: dict[str, frozenset[str]] = {}

    def update(self, deployment: str, names: frozenset[str]) -> None:
        """Take note of those that run now."""
        self._names[deployment] = names

    def ends(self, deployment: str, name: str) -> bool:
        """Whether a replica that once ran is to end, or is gone."""
        return deployment in self._names and name not in self._names[deployment]


RUNNING: Final = RunningReplicas()
"""Serve makes the routers, so that they have nowhere else to say it."""


class SeatRouter(FIFOMixin, RequestRouter):
    """A router for `AvatarReplica.lease`, whose second argument are names of replicas to avoid."""

    async def choose_replicas(
        self,
        candidate_replicas: list[RunningReplica],
        pending_request: PendingRequest | None = None,
    ) -> list[list[RunningReplica]]:
        """Return one group, of which Serve takes the one with the fewest leases."""
        if pending_request is None:
            return [candidate_replicas]
        pending_request.routing_context.should_backoff = True  # where all are full, wait a little
        avoided = pending_request.args[1]
        usable = [one for one in candidate_replicas if one.replica_id.unique_id not in avoided]
        return [random.sample(usable, min(len(usable), MOST_ASKED))]

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """Take note of the replicas that Serve routes to from now on."""
        super().update_replicas(replicas)
        names = frozenset(one.replica_id.unique_id for one in replicas)
        RUNNING.update(self._deployment_id.name, names)
