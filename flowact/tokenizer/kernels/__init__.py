"""Passes over maps and pixels, compiled by numba where plain PyTorch would go through memory again and again."""
