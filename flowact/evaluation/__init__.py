"""Measuring what the model does: speed, lips, silence, drift and pictures."""
