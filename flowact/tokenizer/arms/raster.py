"""A compiled loop that draws a mesh with depth and light."""

import numpy as np

from flowact.tokenizer.kernels.map_kernels import Floats, Integers, compiled

SAMPLES = 2
"""Per pixel, along each side."""


@compiled
def draw(
    screen: Floats,
    light: Floats,
    triangles: Integers,
    colours: Floats,
    near: Floats,
    samples: Floats,
) -> None:
    """Draw the triangles that face the viewer.

    Args:
        screen: `[V, 3]`, x and y in samples of the window, and how near.
        light: on every vertex, `[V, 3]`, per channel.
        triangles: `[T, 3]`.
        colours: of every triangle, `[T, 3]`.
        near: zeros `[h, w]`, written.
        samples: zeros `[h, w, 4]`: colour and whether something is there, written.
    """
    height, width = near.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = screen[a, 0], screen[a, 1]
        bx, by = screen[b, 0] - ax, screen[b, 1] - ay
        cx, cy = screen[c, 0] - ax, screen[c, 1] - ay
        area = bx * cy - by * cx
        if area > -1e-6:  # rows go down: what faces the viewer is clockwise
            continue
        left = max(int(np.ceil(ax + min(0.0, bx, cx) - 0.5)), 0)
        right = min(int(np.floor(ax + max(0.0, bx, cx) - 0.5)), width - 1)
        top = max(int(np.ceil(ay + min(0.0, by, cy) - 0.5)), 0)
        bottom = min(int(np.floor(ay + max(0.0, by, cy) - 0.5)), height - 1)
        for y in range(top, bottom + 1):
            py = y + 0.5 - ay
            for x in range(left, right + 1):
                px = x + 0.5 - ax
                v, w = (px * cy - py * cx) / area, (bx * py - by * px) / area
                u = 1.0 - v - w
                if min(u, v, w) < 0:
                    continue
                depth = u * screen[a, 2] + v * screen[b, 2] + w * screen[c, 2]
                if depth <= near[y, x]:
                    continue
                near[y, x] = depth
                samples[y, x, 3] = 1
                for k in range(3):
                    lit = u * light[a, k] + v * light[b, k] + w * light[c, k]
                    samples[y, x, k] = lit * colours[t, k]


@compiled
def average(samples: Floats, colours: Floats, cover: Floats) -> None:
    """Write the means of the samples `[SAMPLES * h, SAMPLES * w, 4]` of every pixel.

    Args:
        samples: what `draw` wrote.
        colours: `[3, h, w]`, at most 1, written.
        cover: `[h, w]`, written.
    """
    share = np.float32(1 / SAMPLES**2)
    for y in range(cover.shape[0]):
        for x in range(cover.shape[1]):
            for k in range(4):
                total = np.float32(0)
                for i in range(SAMPLES):
                    for j in range(SAMPLES):
                        total += samples[SAMPLES * y + i, SAMPLES * x + j, k]
                if k < 3:
                    colours[k, y, x] = min(total * share, np.float32(1))
                else:
                    cover[y, x] = total * share
