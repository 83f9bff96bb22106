"""One server of a fleet: the live routes without a page, inside Ray Serve."""
