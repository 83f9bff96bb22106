"""What gives a surface its pattern: eased edges, smooth noise, and pictures read between their pixels."""

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@numba.njit(cache=True, fastmath=True, nogil=True)
def smoothstep(low: float, high: float, x: float) -> float:
    """Cubic ease from 0 at `low` to 1 at `high`."""
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@numba.njit(cache=True, fastmath=True, nogil=True)
def _hash(x: int, y: int, z: int) -> float:
    n = (x * 374761393 + y * 668265263 + z * 2147483647) & 0xFFFFFFFF
    n = ((n ^ (n >> 13)) * 1274126177) & 0xFFFFFFFF
    return ((n ^ (n >> 16)) & 0xFFFF) / 65535.0


@numba.njit(cache=True, fastmath=True, nogil=True)
def value_noise(x: float, y: float, z: float) -> float:
    """Smooth noise in [0, 1] with one feature per unit."""
    ix, iy, iz = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    fx, fy, fz = x - ix, y - iy, z - iz
    fx, fy, fz = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy), fz * fz * (3 - 2 * fz)
    total = 0.0
    for k in range(2):
        wz = fz if k else 1 - fz
        for j in range(2):
            wy = fy if j else 1 - fy
            row = _hash(ix, iy + j, iz + k) * (1 - fx) + _hash(ix + 1, iy + j, iz + k) * fx
            total += wz * wy * row
    return total


@numba.njit(cache=True, fastmath=True, nogil=True)
def texture(image: Floats, u: float, v: float, channel: int) -> float:
    """A channel of `image` [H, W, C] at `u` from the left and `v` from the bottom, both in [0, 1], bilinear."""
    height, width = image.shape[0], image.shape[1]
    x = min(max(u * width - 0.5, 0.0), width - 1.001)
    y = min(max((1.0 - v) * height - 0.5, 0.0), height - 1.001)
    ix, iy = int(x), int(y)
    fx, fy = x - ix, y - iy
    top = image[iy, ix, channel] * (1 - fx) + image[iy, ix + 1, channel] * fx
    bottom = image[iy + 1, ix, channel] * (1 - fx) + image[iy + 1, ix + 1, channel] * fx
    value: float = top * (1 - fy) + bottom * fy
    return value
