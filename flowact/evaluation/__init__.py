"""Measuring what the model does: speed, lips, silence, drift and pictures. May import training and below."""
