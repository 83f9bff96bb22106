"""Streaming generation: memory bank, denoising schedule, and the step from chunk to chunk."""
