"""The training loop of every stage: steps, checkpoints, averaged weights, reports."""
