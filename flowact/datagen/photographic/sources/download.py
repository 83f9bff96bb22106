"""Fetch the CC0 textures and lights from npm into one folder, in the form that the renderer reads.

    flowact synth --assets DIR ...

Nothing but the files that `cc0` names is kept. The demo never needs them.
"""

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.photographic.sources import cc0
from flowact.datagen.photographic.sources.piece import Piece
from flowact.errors import UserError
from flowact.files import atomic_write

Floats = NDArray[np.floating[Any]]

RECORD = "sources.json"
FORMAT = 1
"""Raised when the files of the folder change their form, so that old folders are filled again."""
_TIMEOUT_SECONDS = 600


def ensure(folder: Path) -> Path:
    """Return `folder`, after filling it if it lacks what this version uses.

    Raises:
        UserError: npm or the network is missing, or a package is not the one that is known.
    """
    record = folder / RECORD
    if not record.is_file() or json.loads(record.read_text()) != _record():
        _refuse_foreign(folder)
        with atomic_write(folder) as temporary:
            _fill(temporary)
    return folder


def _record() -> dict[str, Any]:
    """What `sources.json` says: every file that is kept, where it is from, and its licence."""
    rows = []
    for package, names in (
        (cc0.MAKEHUMAN, (*cc0.SKINS, *cc0.IRISES, *cc0.pieces())),
        (cc0.POLYHAVEN, tuple(cc0.ENVIRONMENTS)),
    ):
        source = f"npm {package.name} {package.version}"
        rows += [
            {"name": n, "from": source, "licence": cc0.LICENCE, "stated_in": package.stated_in}
            for n in names
        ]
    return {"format": FORMAT, "files": rows}


def _refuse_foreign(folder: Path) -> None:
    """The folder is replaced as a whole: never do that to one that holds something else."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / RECORD).is_file():
        raise UserError(f"{folder} holds other files; --assets needs an empty or a new folder.")


def _fill(folder: Path) -> None:
    pieces = cc0.pieces()
    wanted = {cc0.BASE_MESH, *cc0.SKINS.values(), *cc0.IRISES.values()}
    wanted |= {path for pair in pieces.values() for path in pair}
    files = _members(cc0.MAKEHUMAN, wanted)
    for name, path in (*cc0.SKINS.items(), *cc0.IRISES.items()):
        _write(folder / f"{name}.png", files[path])
    mesh = np.asarray(json.loads(files[cc0.BASE_MESH])["vertices"], np.float32).reshape(-1, 3)
    place = base_vertices(mesh)
    for name, (binding, texture) in pieces.items():
        _write(folder / f"{name}.png", files[texture])
        read_binding(json.loads(files[binding]), mesh, place).save(folder / f"{name}.npz")
    lights = _members(cc0.POLYHAVEN, set(cc0.ENVIRONMENTS.values()))
    for name, path in cc0.ENVIRONMENTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", decode_environment(lights[path]))
    (folder / RECORD).write_text(json.dumps(_record(), indent=1))


def _write(path: Path, picture: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(picture)).save(path)


def _members(package: cc0.NpmPackage, names: Iterable[str]) -> dict[str, bytes]:
    """Contents of the named files of a package."""
    with tempfile.TemporaryDirectory() as folder:
        data = _pack(package, Path(folder)).read_bytes()
    verify(package, data)
    found = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for name in names:
            member = archive.extractfile(name)
            if member is None:
                raise UserError(f"npm package {package.name} holds no file {name}.")
            found[name] = member.read()
    return found


def verify(package: cc0.NpmPackage, data: bytes) -> None:
    """Raise UserError unless `data` is the package that this version knows."""
    if hashlib.sha512(data).hexdigest() != package.sha512:
        raise UserError(
            f"npm package {package.name} {package.version} is not the one known here: "
            "its sha512 differs."
        )


def _pack(package: cc0.NpmPackage, folder: Path) -> Path:
    """Download the archive of a package with npm, the registry's own client."""
    wanted = f"{package.name}@{package.version}"
    if shutil.which("npm") is None:
        raise UserError(f"Downloading {wanted} needs the program npm; install Node.js.")
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder), wanted]
    try:
        done = subprocess.run(  # noqa: S603 - no shell; every word is a constant or a path
            command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"npm did not finish downloading {wanted}; is there a network?") from error
    archives = list(folder.glob("*.tgz"))
    if done.returncode or not archives:
        reason = (done.stderr.strip().splitlines() or ["it gave no reason"])[0]
        raise UserError(f"npm could not download {wanted}; is there a network? ({reason})")
    return archives[0]


def base_vertices(mesh: Floats) -> NDArray[np.int64]:
    """Row of `Humanoid.template` of every vertex of the whole base mesh [V, 3]; -1 where it is left out."""
    with np.load(Humanoid.archive()) as archive:
        template = archive["template"][: int(archive["mesh_vertices"])]
    rows = {tuple(p): i for i, p in enumerate(np.round(template, 3).tolist())}
    return np.array([rows.get(tuple(p), -1) for p in np.round(mesh, 3).tolist()])


def read_binding(data: dict[str, Any], mesh: Floats, place: NDArray[np.int64]) -> Piece:
    """A piece out of its JSON form (three.js model format 3, quadrangles, one layer of uvs)."""
    bound = np.asarray(data["ref_vIdxs"])
    weights, offsets = (np.asarray(data[k], np.float32) for k in ("weights", "offsets"))
    refs = place[bound]
    quads = np.asarray(data["faces"]).reshape(-1, 10)
    uvs = np.asarray(data["uvs"][0], np.float32).reshape(-1, 2)
    corners, texels = quads[:, 1:5], uvs[quads[:, 6:10]]
    halves = ([0, 1, 2], [0, 2, 3])
    return Piece(
        (mesh[bound] * weights[..., None]).sum(1) + offsets,
        np.maximum(refs, 0).astype(np.int32),
        np.where(refs < 0, 0, weights),
        offsets,
        np.concatenate([corners[:, h] for h in halves]).astype(np.int32),
        np.concatenate([texels[:, h] for h in halves]).astype(np.float32),
    )


def decode_environment(script: bytes) -> NDArray[np.float16]:
    """Linear RGB [256, 512, 3] of an OpenEXR picture that a JavaScript module holds as a data URL."""
    os.environ["OPENCV_IO_ENABLE_OPENEXR"] = "1"  # its decoder is off by default
    import cv2

    data = base64.b64decode(script.split(b"base64,")[1].split(b"'")[0])
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise UserError("OpenCV cannot read OpenEXR pictures here; its wheel from PyPI can.")
    return np.clip(picture[..., 2::-1], 0, 60000).astype(np.float16)
