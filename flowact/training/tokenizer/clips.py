"""Random windows out of a folder of clips that may still be growing."""

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from flowact.datagen.clip import Clip
from flowact.errors import UserError
from flowact.motion.blinks import BLINKS
from flowact.portrait import reference_points
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.views import VIEW_SIZE, View

BEFORE = 2 * FRAMES_PER_LATENT
"""Frames of a window whose motion is known and which are not shown."""

RESCAN_SECONDS = 60.0
KEPT_BYTES = 4_000_000_000
"""Decoded pictures that a folder keeps; those of further clips are decoded whenever they are needed."""
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Windows:
    """A batch of windows as a view sees them: `n` frames, and the motion of the eight before.

    Attributes:
        frames: `[batch, n, 3, 240, 240]` in [-1, 1].
        picture: whole reference frames `[batch, 3, 480, 480]` in [-1, 1].
        flow: true sampling positions in the reference, `[batch, n, 60, 60, 2]`, frame
            coordinates in [-1, 1].
        visible: 1 where the surface is visible in the reference, `[batch, n, 60, 60]`.
        landmarks: pixels of the 240x240 view, `[batch, n, 8, 2]`.
        points: what the landmark network finds in the reference, pixels of the frame, `[batch, 89, 2]`;
            not numbers where it finds no face.
        readouts: curves, then pose, `[batch, 8 + n, curves + pose]`.
    """

    frames: Tensor
    picture: Tensor
    flow: Tensor
    visible: Tensor
    landmarks: Tensor
    points: Tensor
    readouts: Tensor

    def to(self, device: torch.device) -> "Windows":
        """The same batch on another device."""
        return Windows(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def collate(windows: list[Windows]) -> Windows:
    """Join windows into one batch."""
    return Windows(
        **{f.name: torch.cat([getattr(w, f.name) for w in windows]) for f in fields(Windows)}
    )


@dataclass(frozen=True)
class ColourJitter:
    """One appearance change for a whole window and its reference: a colour matrix after a tone curve.

    Attributes:
        gamma: exponent of the tone curve per channel.
        gain: factor per channel.
        matrix: 3x3 mixing of channels (hue and saturation).
    """

    gamma: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    matrix: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def random(cls, rng: np.random.Generator) -> "ColourJitter":
        """A strong random change; a third of the windows keep their colours."""
        if rng.random() < 1 / 3:
            return cls()
        gamma = np.exp(rng.normal(0, 0.2) + rng.normal(0, 0.1, 3))
        gain = np.exp(rng.normal(0, 0.1) + rng.normal(0, 0.1, 3))
        matrix = _hue_saturation(rng.normal(0, 0.5), np.exp(rng.normal(0, 0.25)))
        return cls(tuple(gamma), tuple(gain), tuple(map(tuple, matrix)))

    def __call__(self, picture: Tensor) -> Tensor:
        """uint8 `[..., 3, h, w]` to [-1, 1], changed."""
        if not self.matrix:
            return picture.float().div_(127.5).sub_(1)
        levels = torch.linspace(0, 1, 256)
        gamma, gain = (
            torch.tensor(v, dtype=torch.float32)[:, None] for v in (self.gamma, self.gain)
        )
        tones = gain * levels.pow(gamma)  # a table: a power per pixel would take most of a step
        planes = picture.movedim(-3, 0).flatten(1)
        toned = torch.stack([t[p.int()] for t, p in zip(tones, planes, strict=True)])
        mixed = torch.tensor(self.matrix, dtype=torch.float32) @ toned
        changed = mixed.clamp_(0, 1).mul_(2).sub_(1)
        return changed.unflatten(1, picture.movedim(-3, 0).shape[1:]).movedim(0, -3).contiguous()


def _hue_saturation(angle: float, saturation: float) -> Array:
    """Rotation about the grey axis by `angle` radians, and scaling of what is off that axis."""
    grey = np.full((3, 3), 1 / 3)
    cross = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)
    return grey + saturation * (np.cos(angle) * (np.eye(3) - grey) + np.sin(angle) * cross)


class ViewClip:
    """A clip as one view sees it.

    Args:
        clip: of at least `8 + shown` frames.
        view: what is cut out of it.
        shown: frames of a window, without the eight before it.
        kept: decode all pictures when the first is needed, and keep them.
    """

    def __init__(
        self, clip: Clip, view: View, shown: int = FRAMES_PER_LATENT, kept: bool = False
    ) -> None:
        self.clip, self.view, self.shown, self.kept = clip, view, shown, kept
        self.weights = window_weights(clip, shown)

    def frames(self, which: slice) -> Tensor:
        """Pictures of the view, uint8 `[n, 3, 240, 240]`."""
        return self._all[which] if self.kept else self._decoded(which)

    @cached_property
    def _all(self) -> Tensor:
        # One memory for all, and little besides: holes between kept and freed memory would take twice as much.
        kept = torch.empty(len(self.clip), 3, VIEW_SIZE, VIEW_SIZE, dtype=torch.uint8)
        for start in range(len(kept)):
            kept[start] = self._decoded(slice(start, start + 1))[0]
        return kept

    def _decoded(self, which: slice) -> Tensor:
        pictures = torch.from_numpy(self.clip.pictures(which)).movedim(-1, 1)
        return _bytes(self.view.crop(pictures))

    @cached_property
    def picture(self) -> Tensor:
        """The whole reference, uint8 `[3, 480, 480]`."""
        return torch.tensor(self.clip.reference_image()).movedim(-1, 0).contiguous()

    @cached_property
    def points(self) -> Tensor:
        """Landmarks of the reference as a portrait's are found, `[89, 2]`."""
        return reference_points(self.picture[None].float() / 127.5 - 1)[0]

    def window(self, start: int, colours: "ColourJitter | None" = None) -> Windows:
        """The window whose motion begins at frame `start`, as a batch of one."""
        end = start + BEFORE + self.shown
        now, both = slice(start + BEFORE, end), slice(start, end)
        clip, recolour = self.clip, colours or ColourJitter()
        truth = {
            "flow": _tensor(getattr(clip, f"flow_{self.view.name}")[now]),
            "visible": _tensor(getattr(clip, f"visible_{self.view.name}")[now]) / 255,
            "landmarks": self.view.pixels(_tensor(clip.landmarks[now])),
            "points": self.points,
            "readouts": torch.cat(
                [_tensor(clip.curves[both]), _tensor(clip.pose[both]).flatten(1)], 1
            ),
        }
        return Windows(
            recolour(self.frames(now))[None],
            recolour(self.picture)[None],
            **{k: v[None] for k, v in truth.items()},
        )


class ClipFolder:
    """The clips of a folder as a view sees them; new files are noticed once a minute.

    Args:
        folder: of `.npz` files; those too short for a window are passed over.
        view: what is cut out of them.
        shown: frames of a window, without the eight before it.

    Raises:
        UserError: there is no clip that is long enough.
    """

    def __init__(self, folder: Path, view: View, shown: int = FRAMES_PER_LATENT) -> None:
        self.folder, self.view, self.shown = folder, view, shown
        self.clips: list[ViewClip] = []
        self._kept_bytes = 0
        self._known: set[Path] = set()
        self._scanned = -RESCAN_SECONDS
        self.rescan()
        if not self.clips:
            raise UserError(
                f"{folder} holds no clips of at least {BEFORE + shown} frames "
                "(.npz files are expected)."
            )

    def rescan(self) -> None:
        """Map files that appeared since the last look, at most once a minute."""
        if time.monotonic() - self._scanned < RESCAN_SECONDS:
            return
        self._scanned = time.monotonic()
        for path in sorted(set(self.folder.glob("*.npz")) - self._known):
            self._known.add(path)
            clip = Clip.load(path)
            if len(clip) >= BEFORE + self.shown:
                self._kept_bytes += len(clip) * 3 * VIEW_SIZE**2
                kept = self._kept_bytes <= KEPT_BYTES
                self.clips.append(ViewClip(clip, self.view, self.shown, kept))

    def draw(self, rng: np.random.Generator) -> tuple[ViewClip, int]:
        """A random clip and the start of a window in it; blinks and open mouths come more often."""
        clip = self.clips[int(rng.integers(len(self.clips)))]
        return clip, int(rng.choice(len(clip.weights), p=clip.weights))


def window_weights(clip: Clip, shown: int = FRAMES_PER_LATENT) -> Array:
    """Probability of every window start: a blink counts six times, an open mouth up to four."""
    blink = np.asarray(clip.curves)[:, BLINKS].max(1) > 0.4
    wide = np.clip(np.asarray(clip.opening, np.float32) / 0.3, 0, 1)
    frame = 1 + 5 * blink + 3 * wide
    views = np.lib.stride_tricks.sliding_window_view(frame[BEFORE:], shown)
    weights = views.max(-1).astype(np.float64)
    return weights / weights.sum()


class WindowLoader:
    """An endless, shuffled stream of batches, prepared by a thread while the last one is being trained on.

    Args:
        folder: clips.
        batch: windows of a batch.
        seed: of all batches; each is drawn by its number alone, so that a run resumes where it was.
        first: number of the first batch.
        ahead: batches that may wait.
    """

    def __init__(
        self, folder: ClipFolder, batch: int, seed: Sequence[int], first: int = 0, ahead: int = 3
    ) -> None:
        self.folder, self.batch = folder, batch
        self._seed, self._first = seed, first
        self._ready: queue.Queue[Windows | BaseException] = queue.Queue(ahead)
        threading.Thread(target=self._work, daemon=True).start()

    def __iter__(self) -> Iterator[Windows]:
        return self

    def __next__(self) -> Windows:
        item = self._ready.get()
        if isinstance(item, BaseException):
            raise item
        return item

    def _work(self) -> None:
        try:
            for number in count(self._first):
                self.folder.rescan()
                rng = np.random.default_rng((*self._seed, number))
                self._ready.put(collate([self._one(rng) for _ in range(self.batch)]))
        except BaseException as error:  # handed to the consumer, who would wait for ever otherwise
            self._ready.put(error)

    def _one(self, rng: np.random.Generator) -> Windows:
        clip, start = self.folder.draw(rng)
        return clip.window(start, ColourJitter.random(rng))


def spread_windows(folder: ClipFolder, number: int) -> Windows:
    """The same `number` of windows at every call, spread over the clips, with their true colours."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(folder.clips))
    windows = []
    for i in range(number):
        clip = folder.clips[order[i % len(order)]]
        windows.append(clip.window(int(rng.choice(len(clip.weights), p=clip.weights))))
    return collate(windows)


def _bytes(pictures: Tensor) -> Tensor:
    return pictures if pictures.dtype == torch.uint8 else pictures.round().to(torch.uint8)


def _tensor(array: Array) -> Tensor:
    return torch.from_numpy(np.asarray(array, np.float32))
