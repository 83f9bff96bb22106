"""A rendered clip: pictures, sound and the exact ground truth of everything that moves in it.

One clip is one uncompressed `.npz` file. Loading maps the file instead of reading it, so a
training sampler that needs eight frames of a clip touches the pages of eight frames.
"""

import io
import json
import mmap
import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from flowact.files import atomic_write
from flowact.timebase import FRAME_SIZE, FRAMES_PER_LATENT, SAMPLES_PER_FRAME

Array = npt.NDArray[Any]
Phoneme = tuple[str, float, float]

JPEG_QUALITY = 95
FLOW_GRID = 60
"""Cells per side of the flow and visibility grids laid over a view."""

LANDMARKS = (
    "mouth_left",
    "mouth_right",
    "lip_upper_inner",
    "lip_lower_inner",
    "eye_left_centre",
    "eye_right_centre",
    "nose_tip",
    "chin",
)

_FLOW = (FLOW_GRID, FLOW_GRID, 2)
_SHAPES: dict[str, tuple[Any, tuple[int | None, ...]]] = {
    "curves": (np.float16, (52,)),
    "pose": (np.float16, (None, 3)),
    "opening": (np.float16, ()),
    "landmarks": (np.float16, (len(LANDMARKS), 2)),
    "flow_whole": (np.float16, _FLOW),
    "flow_face": (np.float16, _FLOW),
    "visible_whole": (np.uint8, _FLOW[:2]),
    "visible_face": (np.uint8, _FLOW[:2]),
    "behaviour": (np.uint8, ()),
}
"""Type and shape after the frame axis of every array that has one entry per frame; None is free."""


def encode_jpeg(image: Array) -> Array:
    """Compress a picture, uint8 `[height, width, 3]`, to JPEG bytes, uint8 `[n]`, 4:4:4."""
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return np.frombuffer(stream.getvalue(), np.uint8)


def decode_jpeg(data: Array) -> Array:
    """Inverse of `encode_jpeg`: JPEG bytes, uint8 `[n]`, to uint8 `[height, width, 3]`."""
    return np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("RGB"))


def pack_frames(images: Sequence[Array]) -> tuple[Array, Array]:
    """Compress a sequence of pictures into one byte array and the offsets, int64 `[T + 1]`, of its frames."""
    encoded = [encode_jpeg(image) for image in images]
    offsets = np.zeros(len(encoded) + 1, np.int64)
    np.cumsum([len(data) for data in encoded], out=offsets[1:])
    return np.concatenate(encoded), offsets


@dataclass(frozen=True)
class Clip:
    """T frames (a multiple of four) of one character, with sound and ground truth.

    Attributes:
        frames: JPEG pictures, concatenated bytes, uint8 `[n]`; see `pack_frames`.
        frame_offsets: int64 `[T + 1]`.
        reference: JPEG bytes of the idle portrait of the same person, camera and light, uint8
            `[n]`.
        audio: int16 `[T * 640]`, 16 kHz mono.
        curves: ARKit activations, float16 `[T, 52]`.
        pose: float16 `[T, joints, 3]`.
        opening: lip gap divided by mouth width, float16 `[T]`; 0 is shut.
        landmarks: pixels (x, y) of the points `LANDMARKS`, float16 `[T, 8, 2]`.
        flow_whole, flow_face: for the surface point at each cell centre of a 60x60 grid over the
            view, its place in the reference picture, float16 `[T, 60, 60, 2]`: (x, y) in [-1,
            1] over the whole frame, as `grid_sample` with `align_corners=False` takes it.
        visible_whole, visible_face: 255 where that point is visible in the reference, uint8
            `[T, 60, 60]`.
        behaviour: index into `BEHAVIOURS`, uint8 `[T]`.
        phonemes: (label, start, end) with times in seconds.
        meta: seed, identity, character, voice, text, held-out flags, and `sources` with their licences.
            A photographed person's look, place, camera and placement too: `curves` and `pose` are then
            relative to the reference, in which the head may be turned already.
    """

    frames: Array
    frame_offsets: Array
    reference: Array
    audio: Array
    curves: Array
    pose: Array
    opening: Array
    landmarks: Array
    flow_whole: Array
    flow_face: Array
    visible_whole: Array
    visible_face: Array
    behaviour: Array
    phonemes: Sequence[Phoneme]
    meta: Mapping[str, Any]

    def __post_init__(self) -> None:
        length = len(self)
        if length < FRAMES_PER_LATENT or length % FRAMES_PER_LATENT:
            raise ValueError(
                f"a clip has {length} frames, expected a multiple of {FRAMES_PER_LATENT}"
            )
        if self.audio.shape != (length * SAMPLES_PER_FRAME,):
            raise ValueError(
                f"audio has shape {self.audio.shape}, expected {(length * SAMPLES_PER_FRAME,)}"
            )
        for name, (dtype, tail) in _SHAPES.items():
            _check(name, getattr(self, name), dtype, (length, *tail))

    def __len__(self) -> int:
        return len(self.frame_offsets) - 1

    def frame(self, index: int) -> Array:
        """Picture `index`, uint8 `[480, 480, 3]`; IndexError outside `0 <= index < T`."""
        if not 0 <= index < len(self):
            raise IndexError(f"frame {index} of a clip with {len(self)} frames")
        return decode_jpeg(self.frames[self.frame_offsets[index] : self.frame_offsets[index + 1]])

    def pictures(self, window: slice) -> Array:
        """The pictures of a slice of frames, uint8 `[n, 480, 480, 3]`."""
        indices = range(*window.indices(len(self)))
        return np.stack([self.frame(i) for i in indices]) if indices else _no_pictures()

    def reference_image(self) -> Array:
        """The reference portrait, uint8 `[480, 480, 3]`."""
        return decode_jpeg(self.reference)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the clip atomically: a reader sees the whole file or none."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        arrays["phonemes"] = np.array(json.dumps([list(phoneme) for phoneme in self.phonemes]))
        arrays["meta"] = np.array(json.dumps(dict(self.meta)))
        with atomic_write(Path(path)) as temporary, temporary.open("wb") as stream:
            np.savez(stream, **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Clip":
        """Map a clip file. Arrays are read-only views of the file; ValueError if it is not a clip."""
        arrays = _map_npz(path)
        missing = {field.name for field in fields(cls)} - arrays.keys()
        if missing:
            raise ValueError(f"{path} is not a clip: it lacks {sorted(missing)}")
        phonemes = [
            (str(p), float(a), float(b)) for p, a, b in json.loads(arrays.pop("phonemes").item())
        ]
        meta = json.loads(arrays.pop("meta").item())
        known = {field.name: arrays[field.name] for field in fields(cls) if field.name in arrays}
        return cls(**known, phonemes=phonemes, meta=meta)


def _check(name: str, array: Array, dtype: Any, shape: tuple[int | None, ...]) -> None:
    fits = len(array.shape) == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        expected = f"{np.dtype(dtype).name} {shape}"
        raise ValueError(f"{name} is {array.dtype.name} {array.shape}, expected {expected}")


def _no_pictures() -> Array:
    return np.zeros((0, FRAME_SIZE, FRAME_SIZE, 3), np.uint8)


def _map_npz(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Map every array of an uncompressed `.npz`; `np.load` would read whole members."""
    with Path(path).open("rb") as stream:
        pages = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            entries = zipfile.ZipFile(stream).infolist()
        except zipfile.BadZipFile as error:
            raise ValueError(f"{path} is not a clip: {error}") from error
    return {entry.filename.removesuffix(".npy"): _map_member(pages, entry) for entry in entries}


def _map_member(pages: mmap.mmap, entry: zipfile.ZipInfo) -> Array:
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{entry.filename} is compressed, expected an uncompressed .npz")
    name_and_extra = np.frombuffer(pages, "<u2", 2, entry.header_offset + 26)
    start = entry.header_offset + 30 + int(name_and_extra.sum())
    header = io.BytesIO(pages[start : start + min(entry.file_size, 1024)])
    version = np.lib.format.read_magic(header)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = read(header)
    count = int(np.prod(shape))
    flat = np.frombuffer(pages, dtype, count, start + header.tell())
    return flat.reshape(shape, order="F" if fortran else "C")
