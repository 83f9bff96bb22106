"""The human body: shaping an identity from the base mesh, and posing it.

The base mesh, shape targets, face units and skinning weights come from the CC0 MakeHuman data (see
`build_humanoid`). Units are decimetres; X points to the person's left, Y up, Z to the camera.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from flowact import assets
from flowact.datagen.appearance.build_humanoid import PARTS, RACES
from flowact.errors import UserError
from flowact.motion.arkit import ARKIT
from flowact.motion.joints import FINGERS, JOINTS
from flowact.motion.skeleton import Skeleton, skinned

Floats = NDArray[np.floating[Any]]
I32 = NDArray[np.int32]
Mask = NDArray[np.bool_]

# Template positions of the points in clip.LANDMARKS; the nearest vertex of the body is used.
_LANDMARKS = (
    (0.25, 6.61, 1.40), (-0.25, 6.61, 1.40), (0.0, 6.608, 1.553), (0.0, 6.601, 1.540),
    (0.31, 7.28, 1.39), (-0.31, 7.28, 1.39), (0.0, 6.88, 1.66), (0.0, 6.20, 1.40),
)  # fmt: skip
_TEETH_BACK = {"teeth_upper": 0.065, "teeth_lower": 0.045}  # dm, so that they never pierce the lips


@dataclass(frozen=True)
class Identity:
    """The shape of a person.

    gender: 0 female .. 1 male; age: 0 young .. 1 old; weight: -1 slim .. 1 heavy; muscle: 0..1; race: shares of
    (african, asian, caucasian); local: amounts of named targets of the archive.
    """

    gender: float = 0.0
    age: float = 0.2
    weight: float = 0.0
    muscle: float = 0.2
    race: tuple[float, float, float] = (0.0, 0.0, 1.0)
    local: tuple[tuple[str, float], ...] = ()


def random_identity(rng: np.random.Generator) -> Identity:
    """A random plausible adult."""
    gender = float(np.clip(rng.choice([0.08, 0.92]) + rng.normal(0, 0.08), 0, 1))
    age = float(np.clip(rng.beta(1.2, 2.0), 0, 0.9))
    race = rng.dirichlet([0.5, 0.5, 0.6])
    return Identity(
        gender,
        age,
        float(np.clip(rng.normal(0.0, 0.35), -0.7, 0.7)),
        float(rng.uniform(0, 0.5)),
        (float(race[0]), float(race[1]), float(race[2])),
        _random_features(rng),
    )


_OPPOSITES = (("incr", "decr"), ("up", "down"), ("in", "out"), ("concave", "convex"))


def _random_features(rng: np.random.Generator) -> tuple[tuple[str, float], ...]:
    """Random amounts of the local targets: one of each pair of opposites, both sides alike."""
    names = Humanoid.load().target_names
    features: dict[str, float] = {}
    for name in names:
        if name.startswith(("universal", *RACES, "r-")):
            continue
        stem = name
        for first, second in _OPPOSITES:
            stem = stem.removesuffix(f"-{first}").removesuffix(f"-{second}")
        if any(f.startswith(f"{stem}-") for f in features) or rng.random() < 0.45:
            continue
        limit = (
            0.35
            if name.startswith(("head", "eye", "l-eye", "neck", "mouth-trans", "chin-jaw"))
            else 0.55
        )
        features[name] = min(abs(float(rng.normal(0, limit / 2))), limit)
        if name.startswith("l-") and "r-" + name[2:] in names:
            features["r-" + name[2:]] = features[name]
    return tuple(sorted(features.items()))


class Humanoid:
    """The base mesh and everything that deforms it; read once by `load`.

    template [V, 3]; triangles [F, 3]; uv [F, 3, 2]; masks: name -> [V]; target_names.
    """

    def __init__(self, archive: dict[str, NDArray[np.generic]]) -> None:
        a = archive
        count = int(a["mesh_vertices"])
        self.points = np.asarray(a["template"], np.float32)  # mesh and joint markers
        self.template = self.points[:count]
        self.triangles = np.asarray(a["triangles"], np.int32)
        self.uv = np.asarray(a["uv"], np.float32)
        self.masks = {k: np.asarray(a[f"mask_{k}"], np.float32) for k in ("lips", "mouth")}
        self.bones = [str(b) for b in a["bones"]]
        self.target_names = tuple(str(n) for n in a["target_names"])
        self._parts = a["parts"]
        self.heads = np.asarray(a["heads"], np.int64)
        weights = np.asarray(a["weights"], np.float32)
        self.skin_index = np.argsort(-weights, axis=1)[:, :4].astype(np.int32)
        kept = np.take_along_axis(weights, self.skin_index.astype(np.int64), 1)
        self.skin_weight = kept / kept.sum(1, keepdims=True)
        self._targets = (
            a["targets_row"],
            a["targets_vertex"],
            np.asarray(a["targets_delta"], np.float32),
        )
        self.units = self._unit_matrix(a)
        for part, back in _TEETH_BACK.items():
            self.points[:count][self.part_vertices(part), 2] -= back

    @staticmethod
    def archive() -> Path:
        """Where the data of the body are. Raises UserError when they are missing."""
        path = assets.folder() / "humanoid.npz"
        if not path.is_file():
            raise UserError(f"The body data {path} is missing; it comes with the repository.")
        return path

    @staticmethod
    def load() -> "Humanoid":
        """The humanoid of the repository's assets (cached). Raises UserError when they lack it."""
        if not _LOADED:
            with np.load(Humanoid.archive()) as archive:
                _LOADED.append(Humanoid(dict(archive)))
        return _LOADED[0]

    def _unit_matrix(self, a: dict[str, NDArray[np.generic]]) -> tuple[I32, Floats]:
        """Face units as (moving vertices [M], displacements [52, M * 3]); eyeballs turn by joints instead."""
        row, vertex = np.asarray(a["units_row"], np.int64), np.asarray(a["units_vertex"], np.int64)
        keep = (vertex < len(self.template)) & ~self.part_vertices("eyes")[
            np.minimum(vertex, len(self.template) - 1)
        ]
        moving, local = np.unique(vertex[keep], return_inverse=True)
        dense = np.zeros((len(ARKIT), len(moving), 3), np.float32)
        dense[row[keep], local] = np.asarray(a["units_delta"], np.float32)[keep]
        return moving.astype(np.int32), dense.reshape(len(ARKIT), -1)

    def part_mask(self, part: str) -> Mask:
        """Triangles [F] of a part. Raises ValueError for an unknown part."""
        if part not in PARTS:
            raise ValueError(f"unknown part {part!r}; expected one of {', '.join(PARTS)}")
        return np.asarray(self._parts == PARTS.index(part))

    def part_vertices(self, part: str) -> Mask:
        """Vertices [V] of a part."""
        mask = np.zeros(len(self.template), bool)
        mask[self.triangles[self.part_mask(part)]] = True
        return mask

    @cached_property
    def landmark_vertices(self) -> NDArray[np.int64]:
        """Vertex of every landmark of `clip.LANDMARKS`."""
        body = np.flatnonzero(self.part_vertices("body"))
        distance = np.linalg.norm(
            self.template[body][None] - np.array(_LANDMARKS, np.float32)[:, None], axis=2
        )
        return np.asarray(body[distance.argmin(1)])

    @cached_property
    def skull_points(self) -> tuple[NDArray[np.int64], ...]:
        """Vertices of the left eyeball, the right one and the crown."""
        eyes = np.flatnonzero(self.part_vertices("eyes"))
        left = self.template[eyes, 0] > 0
        body = np.flatnonzero(self.part_vertices("body"))
        crown = self.template[body, 1].argmax()
        return eyes[left], eyes[~left], body[crown : crown + 1]

    def shaped(self, identity: Identity) -> Floats:
        """Points of an identity in the base mesh's A-pose."""
        amounts = np.zeros(len(self.target_names), np.float32)
        for name, amount in (*_macro_amounts(identity).items(), *identity.local):
            if name not in self.target_names:
                raise ValueError(f"unknown shape target {name!r}; see Humanoid.target_names")
            amounts[self.target_names.index(name)] = amount
        row, vertex, delta = self._targets
        result = self.points.copy()
        moved = delta * amounts[row.astype(np.int64)][:, None]
        for axis in range(3):
            result[:, axis] += np.bincount(vertex.astype(np.int64), moved[:, axis], len(result))
        return result

    def shape(self, identity: Identity) -> "Body":
        """A posable body of this identity."""
        return Body(self, identity)


_LOADED: list[Humanoid] = []


def _macro_amounts(identity: Identity) -> dict[str, float]:
    heavy, slim = max(identity.weight, 0.0), max(-identity.weight, 0.0)
    builds = {
        ("average", "max"): heavy,
        ("average", "min"): slim,
        ("max", "average"): identity.muscle * (1 - heavy - slim),
    }
    builds["average", "average"] = 1 - sum(builds.values())
    amounts: dict[str, float] = {}
    for sex, s in (("female", 1 - identity.gender), ("male", identity.gender)):
        for age, a in (("young", 1 - identity.age), ("old", identity.age)):
            for (muscle, weight), b in builds.items():
                amounts[f"universal-{sex}-{age}-{muscle}muscle-{weight}weight"] = s * a * b
            for race, share in zip(RACES, identity.race, strict=True):
                amounts[f"{race}-{sex}-{age}"] = s * a * share
    return amounts


class Body:
    """An identity in its relaxed standing pose, ready to be posed.

    rest [V, 3]: vertices at rest; joints [B, 3]: heads of the bones `humanoid.bones` at rest; skeleton: that they make.
    """

    def __init__(self, humanoid: Humanoid, identity: Identity) -> None:
        self.humanoid = humanoid
        points = humanoid.shaped(identity)
        count = len(humanoid.template)
        heads = self._bone_heads(points)
        bones = tuple(humanoid.bones)
        relaxed = Skeleton(bones, heads).turned(_relaxed_rotations(heads, humanoid.bones))
        self.rest = self._skinned(points[:count], relaxed)
        self.joints = np.einsum("brc,bc->br", relaxed[:, :, :3], heads) + relaxed[:, :, 3]
        hinges = _finger_hinges(self.joints, humanoid.bones)
        self.skeleton = Skeleton(bones, self.joints, hinges)
        marks = self.rest[humanoid.landmark_vertices]
        self._mouth_width = float(np.linalg.norm(marks[0] - marks[1]))
        self._up = self.head_axes(self.rest)[:, 1]  # the vertical in the axes of the head
        self._shut = self._lip_gap(self.rest)

    def _bone_heads(self, points: Floats) -> Floats:
        rows = self.humanoid.heads
        valid = rows >= 0
        return np.asarray(
            (points[rows] * valid[..., None]).sum(1) / valid.sum(1)[:, None], np.float32
        )

    @staticmethod
    def rest_pose() -> Floats:
        """The pose array [J, 3] of rest."""
        return np.zeros((len(JOINTS), 3), np.float32)

    def pose(self, curves: Floats, pose: Floats) -> Floats:
        """Vertices [V, 3] for face curves [52] (ARKit order, 0..1) and a pose [J, 3]."""
        moving, units = self.humanoid.units
        vertices = self.rest.copy()
        vertices[moving] += (np.asarray(curves, np.float32) @ units).reshape(-1, 3)
        return self._skinned(vertices, self.skeleton.pose(pose))

    def opening(self, vertices: Floats) -> float:
        """Gap between the inner lips over the mouth's width at rest: 0 when shut."""
        return max(0.0, self._lip_gap(vertices) - self._shut) / self._mouth_width

    def _lip_gap(self, vertices: Floats) -> float:
        """How far the inner upper lip is above the lower one along the head's own vertical.

        Lips that roll or slide sideways are apart but not open: only the vertical part counts.
        """
        marks = vertices[self.humanoid.landmark_vertices]
        return float((marks[2] - marks[3]) @ (self.head_axes(vertices).T @ self._up))

    def head_axes(self, vertices: Floats) -> Floats:
        """Unit axes [3, 3] (rows) that move with the skull, from points that no face unit moves."""
        left, right, crown = (vertices[rows].mean(0) for rows in self.humanoid.skull_points)
        side = left - right
        front = np.cross(side, crown - (left + right) / 2)
        side, front = side / np.linalg.norm(side), front / np.linalg.norm(front)
        return np.stack([side, np.cross(front, side), front])

    def landmarks(self, vertices: Floats) -> Floats:
        """The points [L, 3] named in `clip.LANDMARKS`."""
        return np.asarray(vertices[self.humanoid.landmark_vertices], np.float32)

    def _skinned(self, vertices: Floats, matrices: Floats) -> Floats:
        return skinned(vertices, self.humanoid.skin_index, self.humanoid.skin_weight, matrices)


def _relaxed_rotations(heads: Floats, bones: list[str]) -> Floats:
    """From the A-pose to hanging arms: local rotations [B, 3, 3].

    The collar bone takes its part: turning the upper arm alone leaves square shoulders.
    """
    vectors = np.zeros((len(bones), 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder, elbow, wrist = (
            heads[bones.index(f"{j}_{side}")] for j in ("upper_arm", "forearm", "hand")
        )
        collar = Rotation.from_rotvec((0, 0, -sign * 0.15))
        hanging, bent = np.array([sign * 0.22, -1.0, -0.06]), np.array([sign * 0.04, -1.0, 0.28])
        upper = between(collar.apply(elbow - shoulder), hanging) * collar
        lower = between(upper.apply(wrist - elbow), bent) * upper
        vectors[bones.index(f"clavicle_{side}")] = collar.as_rotvec()
        vectors[bones.index(f"upper_arm_{side}")] = (collar.inv() * upper).as_rotvec()
        vectors[bones.index(f"forearm_{side}")] = (upper.inv() * lower).as_rotvec()
    return np.asarray(Rotation.from_rotvec(vectors).as_matrix(), np.float32)


def between(source: NDArray[np.floating], target: NDArray[np.floating]) -> Rotation:
    """The smallest rotation from one direction to another."""
    a, b = source / np.linalg.norm(source), target / np.linalg.norm(target)
    axis = np.cross(a, b)
    length = np.linalg.norm(axis)
    angle = np.arctan2(length, a @ b)
    return Rotation.from_rotvec(axis / max(length, 1e-9) * angle)


def _finger_hinges(heads: Floats, bones: list[str]) -> dict[str, Floats]:
    """Curl axis and palm normal of every finger bone, so that a positive curl closes the hand."""
    hinges: dict[str, Floats] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        at = {b: heads[i] for i, b in enumerate(bones) if b.endswith(side)}
        across = at[f"index_1_{side}"] - at[f"little_1_{side}"]
        along = at[f"middle_1_{side}"] - at[f"hand_{side}"]
        normal = np.cross(along, across) * sign
        normal /= np.linalg.norm(normal)
        for finger in FINGERS:
            for section in (1, 2, 3):
                last = section == 3
                a = at[f"{finger}_{section - last}_{side}"]
                b = at[f"{finger}_{section - last + 1}_{side}"]
                axis = np.cross(b - a, normal)
                hinges[f"{finger}_{section}_{side}"] = np.stack(
                    [axis / np.linalg.norm(axis), normal]
                )
    return hinges
