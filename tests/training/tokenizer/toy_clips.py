"""Stand-in clips: a textured ellipse with eyes and a mouth moves rigidly; all truth is exact."""

from pathlib import Path

import numpy as np

from flowact.datagen.clip import FLOW_GRID, Clip, encode_jpeg, pack_frames
from flowact.motion.arkit import ARKIT
from flowact.timebase import FACE_BOX, FRAME_SIZE, SAMPLES_PER_FRAME

CENTRE = np.array([240.0, 208.0])
HEAD = np.array([78.0, 100.0])
MOUTH = np.array([0.0, 55.0])
EYES = np.array([[34.0, -25.0], [-34.0, -25.0]])


def _waves(points: np.ndarray, colours: np.ndarray, scale: float) -> np.ndarray:
    x, y = points[..., :1] / scale, points[..., 1:] / scale
    return (
        colours[0]
        + 30 * np.sin(x + colours[1] / 40)
        + 30 * np.cos(0.7 * y + 0.5 * x + colours[2] / 40)
    )


class Head:
    """Where the head is: shift in pixels, tilt in radians, mouth opening and blink in 0..1."""

    def __init__(self, shift=(0.0, 0.0), tilt=0.0, opening=0.0, blink=0.0):
        self.shift, self.tilt = np.asarray(shift, float), tilt
        self.opening, self.blink = opening, blink
        c, s = np.cos(tilt), np.sin(tilt)
        self.turn = np.array([[c, -s], [s, c]])

    def local(self, pixels):
        return (pixels - CENTRE - self.shift) @ self.turn

    def pixels(self, local):
        return local @ self.turn.T + CENTRE + self.shift


def in_head(local):
    return ((local / HEAD) ** 2).sum(-1) < 1


def in_mouth(local, opening):
    return (((local - MOUTH) / np.array([28.0, 0.01 + 22 * opening])) ** 2).sum(-1) < 1


def in_eyes(local):
    return np.any([(((local - eye) / np.array([13.0, 9.0])) ** 2).sum(-1) < 1 for eye in EYES], 0)


def paint(pixels, head: Head, colours) -> np.ndarray:
    local = head.local(pixels)
    picture = _waves(pixels, colours[0], 50)
    face = _waves(local, colours[1], 25)
    for eye in EYES:
        ball = (((local - eye) / np.array([13.0, 0.01 + 9 * (1 - head.blink)])) ** 2).sum(-1) < 1
        face[ball] = (240, 240, 250)
        face[((local - eye) ** 2).sum(-1) < 25 * (1 - head.blink)] = (20, 30, 60)
    face[in_mouth(local, head.opening)] = (60, 10, 15)
    inside = in_head(local)
    picture[inside] = face[inside]
    return np.clip(picture, 0, 255).astype(np.uint8)


def centres(left, top, size, cells):
    c = (np.arange(cells) + 0.5) * size / cells
    return np.stack(np.meshgrid(c + left, c + top), -1)


def truth(head: Head, box) -> tuple[np.ndarray, np.ndarray]:
    points = centres(*box, FLOW_GRID)
    local = head.local(points)
    inside = in_head(local)
    source = np.where(inside[..., None], Head().pixels(local), points)
    covered = in_head(Head().local(points)) & ~inside
    new = in_mouth(local, head.opening) | (in_eyes(local) & (head.blink > 0))
    hidden = covered | (inside & new)
    return source * 2 / FRAME_SIZE - 1, np.where(hidden, 0, 255).astype(np.uint8)


def toy_clip(seed: int, length: int = 24) -> Clip:
    rng = np.random.default_rng(seed)
    colours = rng.uniform(60, 190, (2, 3, 3))
    t = np.arange(length) / length * 2 * np.pi
    phase = rng.uniform(0, 6, 5)
    heads = [
        Head(
            (18 * np.sin(a + phase[0]), 10 * np.sin(2 * a + phase[1])), 0.12 * np.sin(a + phase[2]),
            0.5 + 0.5 * np.sin(3 * a + phase[3]), float(np.sin(2 * a + phase[4]) > 0.7),
        )
        for a in t
    ]  # fmt: skip
    pixels = centres(0, 0, FRAME_SIZE, FRAME_SIZE)
    frames, offsets = pack_frames([paint(pixels, head, colours) for head in heads])
    whole, face = ([truth(head, box) for head in heads] for box in ((0, 0, FRAME_SIZE), FACE_BOX))
    curves = np.zeros((length, 52), np.float16)
    curves[:, ARKIT.index("jawOpen")] = [head.opening for head in heads]
    curves[:, ARKIT.index("eyeBlinkLeft")] = [head.blink for head in heads]
    pose = np.zeros((length, 18, 3), np.float16)
    pose[:, 3, 2] = [head.tilt for head in heads]
    points = [
        [
            *(MOUTH + np.outer([1, -1], [28, 0])),
            *(MOUTH + np.outer([-1, 1], [0, 22 * h.opening])),
            *(*EYES, (0, 10), (0, 95)),
        ]
        for h in heads
    ]  # fmt: skip
    marks = [head.pixels(np.array(p, float)) for head, p in zip(heads, points, strict=True)]
    return Clip(
        frames=frames, frame_offsets=offsets, reference=encode_jpeg(paint(pixels, Head(), colours)),
        audio=np.zeros(length * SAMPLES_PER_FRAME, np.int16), curves=curves, pose=pose,
        opening=np.array([head.opening * 44 / 56 for head in heads], np.float16),
        landmarks=np.array(marks, np.float16),
        flow_whole=np.array([f for f, _ in whole], np.float16), visible_whole=np.array([v for _, v in whole]),
        flow_face=np.array([f for f, _ in face], np.float16), visible_face=np.array([v for _, v in face]),
        behaviour=np.zeros(length, np.uint8), phonemes=[], meta={"seed": seed},
    )  # fmt: skip


def write_toy_data(root: Path, train: int = 2, heldout: int = 1, length: int = 24) -> Path:
    for split, seeds in (("train", range(train)), ("heldout", range(1000, 1000 + heldout))):
        for seed in seeds:
            toy_clip(seed, length).save(root / split / f"{seed}.npz")
    return root
