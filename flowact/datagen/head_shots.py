"""Head shots with exact landmarks: what the landmark network learns from.

After Wood et al., "Fake It Till You Make It" (2021, arXiv:2109.15102): faces that are rendered only, each in
many expressions, views and lights, without a background, which the training puts behind them.
"""

from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from flowact.datagen.appearance.actor import Actor
from flowact.datagen.appearance.body import Body, Humanoid
from flowact.datagen.appearance.character import Lighting, lights_of, random_character
from flowact.datagen.face_point_vertices import face_point_vertices, face_points
from flowact.datagen.graphics import layout
from flowact.datagen.graphics.camera import Camera
from flowact.datagen.photographic.casting import library, random_photographed
from flowact.datagen.photographic.dress import dress
from flowact.datagen.photographic.light import Surroundings, light_by
from flowact.datagen.render import RenderedFrame, draw
from flowact.files import atomic_write
from flowact.motion.arkit import ARKIT, columns
from flowact.motion.face_points import EYES, POINT, POINTS
from flowact.motion.joints import joint

Floats = NDArray[np.floating[Any]]

SIZE: Final = 192
"""Edge of a head shot in pixels."""
VIEWS: Final = 12
"""Head shots of one person."""
PAINTED: Final = 240
"""People who are painted before the first who wears photographs."""
_SPLITS: Final = ("train", "heldout")
_WIDEST_YAW: Final = 55.0


class Framing(Enum):
    """What fills the pictures: edge in radii of the face, rows of the points in the middle, and a folder for them."""

    HEAD = (6.0, tuple(range(len(POINTS))), "")
    EYES = (2.2, EYES, "eyes")


@dataclass(frozen=True)
class HeadShots:
    """N pictures of one person.

    Attributes:
        pictures: uint8 [N, 192, 192, 4], RGB on black and coverage.
        points: float32 [N, 89, 2], pixels (x, y), hidden ones among them.
        pose: float32 [N, 3], degrees: yaw (positive: the nose points to the picture's right), pitch (up), roll
            (clockwise).
        eyes: float32 [N, 2], gap between the lids over the width of the eye, left and right.
        mouth: float32 [N], gap between the inner lips over the mouth's width at rest.
    """

    pictures: NDArray[np.uint8]
    points: Floats
    pose: Floats
    eyes: Floats
    mouth: Floats

    def save(self, path: Path) -> None:
        """Write an uncompressed `.npz`, whole or not at all."""
        with atomic_write(path) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, path: Path) -> "HeadShots":
        """Read the file of one person."""
        with np.load(path) as archive:
            return cls(**{field.name: archive[field.name] for field in fields(cls)})


def shoot_people(
    root: Path,
    split: str,
    count: int,
    textures: Path | None = None,
    framing: Framing = Framing.HEAD,
) -> list[Path]:
    """Render the first `count` people of a split into `root`, those that are not there yet, and list their files.

    With a folder of `textures` those from number `PAINTED` on wear photographs; see `flowact synth --assets`.
    """
    *_, folder = framing.value
    paths = [root / folder / split / f"{seed:06d}.npz" for seed in range(count)]
    for seed, path in enumerate(paths):
        if not path.exists():
            worn = textures if seed >= PAINTED else None
            shoot_person(split, seed, textures=worn, framing=framing).save(path)
    return paths


def shoot_person(
    split: str,
    seed: int,
    views: int = VIEWS,
    textures: Path | None = None,
    framing: Framing = Framing.HEAD,
) -> HeadShots:
    """Render one random person from `views` sides; `heldout` people are never those of `train`."""
    rng = np.random.default_rng([seed, 77, _SPLITS.index(split)])
    actor = _random_actor(rng, textures)
    rows = face_point_vertices(actor.humanoid)
    shots = [_shoot(actor, rows, rng, textures, framing) for _ in range(views)]
    return HeadShots(*(np.stack(column) for column in zip(*shots, strict=True)))


def _random_actor(rng: np.random.Generator, textures: Path | None) -> Actor:
    if textures is None:
        return Actor(random_character(rng), Humanoid.load())
    seen = random_photographed(rng, textures)
    worn = dress(seen.character, seen.look, Humanoid.load(), library(textures))
    return Actor(seen.character, Humanoid.load(), worn)


def _shoot(
    actor: Actor,
    rows: list[NDArray[np.int64]],
    rng: np.random.Generator,
    textures: Path | None,
    framing: Framing,
) -> tuple[NDArray[np.uint8], Floats, Floats, Floats, Floats]:
    """One row of each array of `HeadShots`."""
    curves, pose = random_face(rng), _random_pose(rng)
    vertices, attributes = actor.pose(curves, pose)
    marks = face_points(vertices, rows)
    opening = np.asarray(actor.body.opening(vertices[: len(actor.body.rest)]), np.float32)
    turn = _random_turn(rng)
    vertices = np.asarray((vertices - marks.mean(0)) @ turn.T + marks.mean(0), np.float32)
    view = attributes.copy()
    view[:, :3] = vertices
    for column in (layout.NORMAL, layout.TANGENT):
        view[:, column : column + 3] = attributes[:, column : column + 3] @ turn.T
    camera = _random_camera(face_points(vertices, rows), framing, rng)
    black = np.zeros((SIZE, SIZE, 3), np.float32)
    frame = draw(actor, vertices, view, camera, _random_lights(rng, textures), black)
    points = camera.project(face_points(vertices, rows))[:, :2]
    angles = _angles(actor.body, vertices)
    return _with_coverage(frame), points.astype(np.float32), angles, _lid_gaps(marks), opening


def random_face(rng: np.random.Generator) -> Floats:
    """Random curves [52]: a few of all of them, and more shut eyes, open mouths and smiles than chance gives."""
    curves = rng.uniform(0, 0.7, len(ARKIT)) * (rng.random(len(ARKIT)) < 0.12)
    if rng.random() < 0.35:
        curves[list(columns("eyeBlink"))] = rng.choice([1.0, 1.0, rng.uniform(0.2, 0.9)])
    elif rng.random() < 0.1:
        curves[rng.choice(columns("eyeBlink"))] = 1.0
    if rng.random() < 0.45:
        curves[columns("jawOpen")[0]] = rng.uniform(0.05, 0.9)
    if rng.random() < 0.4:
        curves[list(columns("mouthSmile"))] = rng.uniform(0.2, 1.0)
        curves[list(columns("mouthUpperUp"))] = rng.uniform(0.0, 0.5)
    return np.asarray(curves, np.float32)


def _random_pose(rng: np.random.Generator) -> Floats:
    """Bowed and turned neck and head, and eyes that look anywhere."""
    pose = Body.rest_pose()
    for name, spread in (("neck", 0.12), ("head", 0.14)):
        pose[joint(name)] = rng.normal(0, spread, 3)
    pose[joint("eye_left")] = pose[joint("eye_right")] = (
        rng.normal(0, 0.15), rng.normal(0, 0.25), 0,
    )  # fmt: skip
    return pose


def _random_turn(rng: np.random.Generator) -> Floats:
    """A rotation [3, 3] of the whole person: most look near the camera, some far from it."""
    yaw = rng.normal(0, 12) if rng.random() < 0.5 else rng.uniform(-_WIDEST_YAW, _WIDEST_YAW)
    angles = [yaw, rng.normal(0, 10), rng.normal(0, 5)]
    return np.asarray(Rotation.from_euler("yxz", angles, degrees=True).as_matrix(), np.float32)


def _random_camera(marks: Floats, framing: Framing, rng: np.random.Generator) -> Camera:
    """From a phone at arm's length to a long lens."""
    radii, middle, _ = framing.value
    distance = float(np.exp(rng.uniform(np.log(4.0), np.log(25.0))))
    radius = float(np.sqrt(((marks - marks.mean(0))[:, :2] ** 2).sum(1).mean()))
    scale = SIZE / (radii * radius) * rng.uniform(0.85, 1.15)
    x, y, z = (float(value) for value in marks[list(middle)].mean(0))
    centre = tuple(SIZE * rng.uniform(0.44, 0.56, 2))
    return Camera((x, y, z + distance), scale * distance, (centre[0], centre[1]), SIZE)


def _random_lights(rng: np.random.Generator, textures: Path | None) -> Floats:
    """Lights of `layout`: of a real place, where there are textures, or of a studio."""
    if textures is not None and rng.random() < 0.75:
        place = Surroundings.random(library(textures), rng)
        return light_by(place, library(textures), 32).lights
    return lights_of(_random_light(rng))


def _random_light(rng: np.random.Generator) -> Lighting:
    """From flat daylight to a hard lamp from the side."""
    return Lighting(
        rng.uniform(-85, 85), rng.uniform(-15, 70), rng.uniform(0.3, 1.5), rng.uniform(0.05, 0.8),
        rng.uniform(0, 1.2), rng.uniform(-1.5, 2.0),
    )  # fmt: skip


def _with_coverage(frame: RenderedFrame) -> NDArray[np.uint8]:
    """Colour and coverage, uint8 [192, 192, 4]."""
    covered = (frame.ids >= 0).reshape(SIZE, 2, SIZE, 2).mean((1, 3))
    alpha = np.round(covered * 255).astype(np.uint8)
    return np.concatenate([frame.picture, alpha[..., None]], 2)


def _angles(body: Body, vertices: Floats) -> Floats:
    """Yaw, pitch and roll of the skull in degrees."""
    turn = body.head_axes(vertices[: len(body.rest)]).T @ body.head_axes(body.rest)
    side, front = turn[:, 0], turn[:, 2]
    yaw = np.arctan2(front[0], front[2])
    pitch = np.arcsin(np.clip(front[1], -1, 1))
    roll = np.arctan2(-side[1], side[0])
    return np.degrees([yaw, pitch, roll]).astype(np.float32)


def _lid_gaps(marks: Floats) -> Floats:
    def gap(side: str) -> float:
        upper, lower, inner, outer = (
            marks[POINT[f"eye_{part}_{side}"]]
            for part in ("lid_upper", "lid_lower", "corner_inner", "corner_outer")
        )
        return float(np.linalg.norm(upper - lower) / np.linalg.norm(outer - inner))

    return np.array([gap("left"), gap("right")], np.float32)
