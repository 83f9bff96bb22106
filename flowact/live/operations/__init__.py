"""What operators see of the page: metrics, traces, health; on a port of their own."""
