"""What operators see of a study: figures for Prometheus."""
