"""Which replica a lease is asked of: the one with the fewest, and none that its visitors have just lost."""

from __future__ import annotations

import random
from typing import Final

from ray.serve.request_router import FIFOMixin, PendingRequest, RequestRouter, RunningReplica

from flowact.fleet import departures

MOST_ASKED: Final = 8
"""Of a large fleet so many replicas, chosen by chance, are compared."""


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
        usable = [
            one
            for one in candidate_replicas
            if one.replica_id.unique_id not in avoided and not self._is_full(one)
        ]
        return [random.sample(usable, min(len(usable), MOST_ASKED))]

    def _is_full(self, replica: RunningReplica) -> bool:
        """Whether all places are leased; replicas measure theirs, and may have different numbers of them."""
        places = replica.routing_stats.get("places")
        leased = self.replica_queue_len_cache.get(replica.replica_id)
        return places is not None and leased is not None and leased >= places

    def update_replicas(self, replicas: list[RunningReplica]) -> None:
        """Take the list of those that may be asked, and pass on who is in it no longer."""
        before = self.curr_replicas
        super().update_replicas(replicas)
        for left in set(before) - set(self.curr_replicas):
            address = before[left].routing_stats.get("address")
            if address:  # else it has only just come
                departures.left(left.deployment_id.name, left.unique_id, address)
