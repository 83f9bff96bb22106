"""Networks and scores that judge generated video without knowing what made it."""
