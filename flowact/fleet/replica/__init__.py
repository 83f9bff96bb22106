"""One server of a fleet: the session interface without a page, inside Ray Serve."""
