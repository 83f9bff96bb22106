"""Aligning: the similarity that brings a face to where the faces of the named portraits are, and the cut by it."""

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.motion.face_points import STEADY
from flowact.portrait.windows import PicturePyramid
from flowact.timebase import FRAME_SIZE

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]

USUAL: Final = np.array(
    [
        [256.1, 167.7],
        [280.8, 166.4],
        [263.9, 226.6],
        [224.3, 167.7],
        [199.5, 166.3],
        [215.5, 226.6],
        [239.9, 201.9],
        [239.3, 269.8],
    ]
)
"""Where the points `STEADY` are in the named portraits, pixels of a frame: the mean of what the network finds there."""
WIDEST: Final = 2.2
"""How much larger than the picture's shorter edge the frame may reach; a closer face stays larger."""
CLOSER: Final = 1.25
"""How much larger than usual a face may become to keep what is beyond the picture's rim out of the frame."""
DRAWN_OUT: Final = 12
"""Rows or columns at the picture's rim whose mean goes on beyond it."""
MIRRORED: Final = 0.06
"""Of the frame's edge, up to which what is beyond a rim is its mirror image."""
SOFTENED: Final = 0.05
"""In frames, how far beyond the rim the picture is as soft as it becomes: what goes on must not show as stripes."""
BLURRED: Final = 0.25
"""In those, the deviation of the blur below and beside it, after a median that leaves clothes their edge."""
MEDIAN: Final = 4.0
"""In those, how far that median reaches: further than half a neck is wide."""


def similarity(source: Floats, target: Floats) -> Floats:
    """The least-squares turn, scale and shift [2, 3] from points [N, 2] to others (Umeyama 1991)."""
    a, b = source - source.mean(0), target - target.mean(0)
    # In the plane the rotation and scale are one complex number.
    p, q = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    z = (np.conj(p) @ q) / max(float((np.abs(p) ** 2).sum()), 1e-9)
    turned = np.array([[z.real, -z.imag], [z.imag, z.real]])
    return np.concatenate([turned, (target.mean(0) - turned @ source.mean(0))[:, None]], 1)


def frame_of(points: Floats, picture_size: tuple[int, int]) -> Floats:
    """The map [2, 3] from pixels of a picture (width, height) to those of the frame that suits a face's points [89, 2].

    A face that fills the picture stays larger than usual, about its own middle; one near the rim becomes so, as far as
    `CLOSER` allows, for the frame to show less of what the picture does not.
    """
    steady = points[list(STEADY)]
    matrix = similarity(steady, USUAL)
    scale = float(np.sqrt(np.linalg.det(matrix[:, :2])))
    least = FRAME_SIZE / (WIDEST * min(picture_size))
    inside = scale * min(_covering(steady.mean(0), scale, picture_size), CLOSER)
    wanted = max(scale, least, inside)
    turned = matrix[:, :2] * (wanted / scale)
    shift = USUAL.mean(0) - turned @ steady.mean(0)
    return np.concatenate([turned, shift[:, None]], 1)


def _covering(middle: Floats, scale: float, picture_size: tuple[int, int]) -> float:
    """How many times larger an upright picture has to be drawn for the frame to lie inside it."""
    before, after = USUAL.mean(0), FRAME_SIZE - USUAL.mean(0)
    there = np.concatenate([middle, np.array(picture_size) - middle]).clip(1.0) * scale
    return float((np.concatenate([before, after]) / there).max())


def moved(points: Floats, matrix: Floats) -> Floats:
    """Points [N, 2] by a map [2, 3]."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2])


def cut(picture: U8, to_frame: Floats) -> U8:
    """Draw the frame, uint8 [480, 480, 3], of a picture uint8 [H, W, 3] by the map [2, 3] into it.

    Beyond the rim the picture is drawn out, as clothes and walls go on, and out of focus.
    """
    back = np.asarray(cv2.invertAffineTransform(to_frame), np.float64)
    padded, left, top = _padded(picture, back)
    back[:, 2] += (left, top)
    # Twice as large and then halved: neither jagged nor soft.
    twice = PicturePyramid(padded).sample(
        np.concatenate([back[:, :2] / 2, back[:, 2:]], 1), 2 * FRAME_SIZE, cv2.BORDER_REPLICATE
    )
    size = (FRAME_SIZE, FRAME_SIZE)
    return np.asarray(cv2.resize(twice, size, interpolation=cv2.INTER_AREA))


def _padded(picture: U8, to_picture: Floats) -> tuple[U8, int, int]:
    """The picture with what the frame shows beyond its rim, and how much was added on the left and on top."""
    height, width = picture.shape[:2]
    edge = float(FRAME_SIZE)
    corners = moved(np.array([[0, 0], [edge, 0], [0, edge], [edge, edge]]), to_picture)
    low, high = np.floor(corners.min(0)).astype(int), np.ceil(corners.max(0)).astype(int)
    left, top = (max(0, -int(start)) for start in low)
    right, bottom = (
        max(0, int(end) - length) for end, length in zip(high, (width, height), strict=True)
    )
    around = ((top, bottom), (left, right), (0, 0))
    if not any((top, bottom, left, right)):
        return picture, 0, 0
    if max(top, bottom, left, right) <= MIRRORED * np.linalg.norm(corners[1] - corners[0]):
        return np.pad(picture, around, mode="symmetric"), left, top
    # A wide mirror image would put a second head above a first that has little room there.
    drawn_out = np.pad(picture, around, mode="mean", stat_length=DRAWN_OUT)
    within = np.pad(np.ones((height, width), np.float32), around[:2])
    deviation = SOFTENED * float(np.linalg.norm(corners[1] - corners[0]))
    return _softened(drawn_out, within, deviation, top), left, top


def _softened(picture: U8, within: NDArray[np.float32], deviation: float, top: int) -> U8:
    """The picture, smooth where `within` is 0, the more so the further that is from where it is 1.

    Shoulders go on below a rim with an edge; hair above one, in its first `top` rows, must not become a hat.
    """
    small = max(1, round(deviation / 8))
    size = (picture.shape[1] // small + 1, picture.shape[0] // small + 1)
    reduced, width = cv2.resize(picture, size, interpolation=cv2.INTER_AREA), deviation / small
    plain = cv2.medianBlur(reduced, 2 * int(MEDIAN * width) + 1)
    blurred = cv2.GaussianBlur(reduced, (0, 0), width)
    blurred[top // small :] = cv2.GaussianBlur(plain, (0, 0), BLURRED * width)[top // small :]
    smooth = cv2.resize(blurred, picture.shape[1::-1])
    away = cv2.distanceTransform((within == 0).astype(np.uint8), cv2.DIST_L2, 3)
    share = np.clip(away / deviation, 0, 1)[..., None]
    return (
        np.asarray(picture + (smooth.astype(np.float32) - picture) * share, np.float32)
        .round()
        .astype(np.uint8)
    )


def made_up(to_frame: Floats, picture_size: tuple[int, int]) -> float:
    """Return the share of the frame that lies beyond the rim of a picture (width, height)."""
    width, height = picture_size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    edge = float(FRAME_SIZE)
    frame = np.array([[0, 0], [edge, 0], [edge, edge], [0, edge]], np.float32)
    shown, _ = cv2.intersectConvexConvex(moved(corners, to_frame).astype(np.float32), frame)
    return 1.0 - float(shown) / edge**2
