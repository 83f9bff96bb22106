"""A compiled loop that shows a reference's open eye in a frame; `face_mesh.open_eyes` is its definition."""

from typing import Final

import numpy as np

from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.kernels.map_kernels import HALF, NONE, Floats, compiled
from flowact.tokenizer.kernels.pixel_kernels import enlarged_row

Span = tuple[int, int]
_SIDE: Final = FRAME_SIZE
_ONE: Final = np.float32(1)
_LEAST: Final = np.float32(1e-6)


@compiled
def show_eye(
    flow: Floats,
    corner: Span,
    rows: Span,
    columns: Span,
    eye: Floats,
    turned: Floats,
    edge: np.float32,
    strength: np.float32,
    picture: Floats,
    mask: Floats,
    paint: Floats,
) -> None:
    """Show an eye of a picture as a flow moves it, with its iris turned.

    Args:
        flow: `[2, 60, 60]` over a view whose pixels are the picture's, as shares of half the picture's side.
        corner: left and top of the view in the picture.
        rows: first and last row of the view, the last not included, in which the eye may be.
        columns: the same of columns.
        eye: its shape, see `Eye.numbers`.
        turned: pixels by which the iris goes right and down.
        edge: breadth at the margins of lids in which it goes under, and five times that at the corners.
        strength: how much of the eye is shown, 0..1.
        picture: `[3, 480, 480]`.
        mask: `[p, p]`, how much of the warp shows, changed.
        paint: `[3, p, p]`, what is added to it, changed.
    """
    size = mask.shape[0]
    by = np.empty((2, size), np.float32)
    last, reach = np.float32(_SIDE - 1), np.float32(_SIDE / 2)
    for y in range(rows[0], rows[1]):
        enlarged_row(flow, y, size // flow.shape[1], by)
        for x in range(columns[0], columns[1]):
            across = np.float32(corner[0] + x) + HALF + by[0, x] * reach
            down = np.float32(corner[1] + y) + HALF + by[1, x] * reach
            u = eye[0] * across + eye[1] * down + eye[2]
            v = eye[3] * across + eye[4] * down + eye[5]
            share, inside = _seen(eye, u, v, edge)
            if share == NONE:
                continue
            share *= strength
            across = min(max(across - inside * turned[0] - HALF, NONE), last)
            down = min(max(down - inside * turned[1] - HALF, NONE), last)
            mask[y, x] *= _ONE - share
            for c in range(3):
                paint[c, y, x] += share * (_sampled(picture[c], across, down) - paint[c, y, x])


@compiled
def _seen(
    eye: Floats, u: np.float32, v: np.float32, edge: np.float32
) -> tuple[np.float32, np.float32]:
    """How much of an eye shows at a place, and how far that is between its lids."""
    along = min(max(u, NONE), _ONE)
    bow = along * (_ONE - along)
    upper, lower = bow * (eye[6] + eye[7] * along), bow * (eye[8] + eye[9] * along)
    thick = np.float32(0.35) + np.float32(0.65) * np.sqrt(max(4 * bow, _LEAST))
    above = (v - (upper - eye[10] * thick)) / eye[13]
    below = (lower + eye[11] * thick - v) / eye[14]
    ends = min(u, _ONE - u)
    share = min(max(min(above, below, (ends + eye[12]) / eye[15]), NONE), _ONE)
    inside = _smooth((v - upper) / edge + HALF) * _smooth((lower - v) / edge + HALF)
    return share, inside * _smooth(ends / (5 * edge))


@compiled
def _sampled(plane: Floats, across: np.float32, down: np.float32) -> np.float32:
    """A plane `[480, 480]` between its pixels."""
    # What is no number passes the comparisons before, which assume that there is none.
    column, row = min(max(int(across), 0), _SIDE - 2), min(max(int(down), 0), _SIDE - 2)
    right, low = across - np.float32(column), down - np.float32(row)
    a, b = plane[row, column], plane[row, column + 1]
    d, e = plane[row + 1, column], plane[row + 1, column + 1]
    high, deep = a + (b - a) * right, d + (e - d) * right
    return high + (deep - high) * low


@compiled
def _smooth(x: np.float32) -> np.float32:
    inside = min(max(x, NONE), _ONE)
    return inside * inside * (np.float32(3) - np.float32(2) * inside)
