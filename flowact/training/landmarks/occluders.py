"""What hides parts of a face: glasses, dark glasses, and things that are held or stand before it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from flowact.motion.face_points import POINT
from flowact.training.landmarks.backgrounds import random_colour

Floats = NDArray[np.floating[Any]]
U8 = NDArray[np.uint8]

_EYES = [
    [POINT[f"eye_{corner}_{side}"] for corner in ("corner_inner", "corner_outer")]
    for side in ("left", "right")
]
_SHIFT = 4
"""Bits behind the point of OpenCV's drawing coordinates."""


def wear_glasses(picture: U8, points: Floats, rng: np.random.Generator) -> bool:
    """Draw spectacles or sunglasses into `picture` [H, W, 3] in place, by its points [89, 2]; whether they are dark."""
    centres = np.stack([points[rows].mean(0) for rows in _EYES])
    across = centres[0] - centres[1]
    distance = float(np.linalg.norm(across))
    angle = float(np.degrees(np.arctan2(across[1], across[0])))
    half = distance * np.array([rng.uniform(0.3, 0.44), rng.uniform(0.2, 0.38)])
    down = distance * rng.uniform(-0.04, 0.12) * np.array([-across[1], across[0]]) / distance
    dark = rng.random() < 0.4
    power = float(rng.choice([2.0, 2.0, 4.0]))
    lenses = [_lens(centre + down, half, angle, power) for centre in centres]
    if dark or rng.random() < 0.3:
        tint = rng.uniform(0, 60, 3) if dark else random_colour(rng)
        _cover(picture, lenses, tint, rng.uniform(0.75, 1.0) if dark else rng.uniform(0.05, 0.35))
    frame = random_colour(rng) * (0.3 if rng.random() < 0.6 else 1.0)
    thick = max(1, round(distance * rng.uniform(0.015, 0.09)))
    cv2.polylines(picture, lenses, True, frame.tolist(), thick, cv2.LINE_AA, _SHIFT)
    near, far = centres[1] + down + across * 0.38, centres[0] + down - across * 0.38
    bridge = np.round(np.stack([near, far]) * 2**_SHIFT).astype(np.int32)
    cv2.polylines(picture, [bridge], False, frame.tolist(), thick, cv2.LINE_AA, _SHIFT)
    return bool(dark)


def _lens(centre: Floats, half: Floats, angle: float, power: float) -> NDArray[np.int32]:
    """A superellipse as a polygon in OpenCV's fixed-point coordinates."""
    t = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    wave = np.stack([np.cos(t), np.sin(t)], 1)
    shape = np.sign(wave) * np.abs(wave) ** (2 / power) * half
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    turned = shape @ np.array([[c, s], [-s, c]])
    return np.asarray(np.round((centre + turned) * 2**_SHIFT), np.int32)


def _cover(picture: U8, shapes: list[NDArray[np.int32]], colour: Floats, amount: float) -> None:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, shapes, 255, cv2.LINE_AA, _SHIFT)
    weight = mask[..., None] * np.float32(amount / 255)
    picture[:] = (picture + weight * (np.asarray(colour, np.float32) - picture)).astype(np.uint8)


def hide_parts(picture: U8, texture: U8, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Put one to three things with the colours of `texture` before `picture`, both [S, S, 3], in place.

    Returns what they cover, [S, S].
    """
    size = len(picture)
    covered = np.zeros((size, size), bool)
    for _ in range(rng.integers(1, 4)):
        mask = np.zeros((size, size), np.uint8)
        at = rng.uniform(0, size, 2)
        reach = rng.uniform(0.06, 0.32) * size * np.exp(rng.normal(0, 0.3, 2))
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 9))))
        outline = at + np.stack([np.cos(angles), np.sin(angles)], 1) * reach
        if rng.random() < 0.5:
            cv2.fillPoly(mask, [outline.astype(np.int32)], 255, cv2.LINE_AA)
        else:
            axes = tuple(int(max(2, r)) for r in reach)
            centre = tuple(int(v) for v in at)
            cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
        weight = mask[..., None] / np.float32(255)
        picture[:] = (picture * (1 - weight) + texture * weight).astype(np.uint8)
        covered |= mask > 127
    return covered
