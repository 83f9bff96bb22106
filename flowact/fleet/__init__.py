"""Many machines as one page, on Ray Serve: the line before all places, the leases of replicas, the replicas."""
