"""The one place where the study touches FlowAct: the sample study's sources from rendered clips.

Systems that get the same portrait and sound and really differ:
    rendered     the renderer's own pictures: the upper anchor
    model        the default checkpoint, where there is one: the candidate
    jaw_loop     the portrait with a jaw that follows the loudness of the voice
    held_frames  the rendered pictures at a quarter of the frame rate
    pasted_face  a moving face in a portrait that stands still
Without a checkpoint the rendered pictures themselves are the candidate.
"""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from flowact import assets
from flowact.synthesis.clip import LANDMARKS, Clip
from flowact.timebase import FACE_BOX, FPS, FRAME_SIZE, SAMPLE_RATE, SAMPLES_PER_FRAME
from study import media
from study.config import Stimuli
from study.errors import StudyError
from study.stimuli import COLUMNS

Frames = NDArray[np.uint8]
FRAMES = 100  # 4 s of every clip, where it speaks most
ITEMS = 4
HOLD = 4
LICENCE = "CC0-1.0"
JAW_REACH = 16.0  # pixels that the chin drops at the loudest moment


def make(folder: Path, clips: Path) -> None:
    """Write videos, inputs, manifest.csv and study.yaml of a sample study into `folder`.

    `clips` holds rendered clips (.npz), for instance the held-out ones. Raises StudyError when there are
    too few, or when the folder holds another study.
    """
    files = sorted(clips.glob("*.npz"))[:ITEMS]
    if len(files) < ITEMS:
        raise StudyError(f"{clips}: holds {len(files)} rendered clips (.npz), expected {ITEMS}")
    if (folder / "manifest.csv").exists():
        raise StudyError(f"{folder / 'manifest.csv'}: exists already; choose an empty folder")
    for place in (folder / "videos", folder / "inputs"):
        place.mkdir(parents=True, exist_ok=True)
    model = _pipeline()
    rows = [",".join(COLUMNS)]
    for number, file in enumerate(files, start=1):
        rows += _item(folder, Clip.load(file), f"portrait{number}", model)
    _write_config(folder, "model" if model else "rendered")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def baselines(clip: Clip, start: int) -> dict[str, Frames]:
    """Pictures of every system that needs no model, each uint8 [FRAMES, 480, 480, 3]."""
    rendered = clip.pictures(slice(start, start + FRAMES))
    portrait = clip.reference_image()
    return {
        "rendered": rendered,
        "jaw_loop": jaw_loop(portrait, _loudness(clip)[start : start + FRAMES], _mouth(clip)),
        "held_frames": np.repeat(rendered[::HOLD], HOLD, axis=0)[: len(rendered)],
        "pasted_face": pasted_face(portrait, rendered),
    }


def jaw_loop(
    portrait: Frames, loudness: NDArray[np.float64], mouth: tuple[float, float, float]
) -> Frames:
    """A portrait that sways a little and drops its jaw with the voice.

    portrait [480, 480, 3]; loudness [frames] in 0 to 1; mouth is (x, y, half width) in pixels.
    """
    return np.stack(
        [_jaw_frame(portrait, float(level), mouth, index) for index, level in enumerate(loudness)]
    )


def pasted_face(portrait: Frames, pictures: Frames) -> Frames:
    """The face of `pictures` [frames, 480, 480, 3] blended into a still portrait."""
    x, y, size = FACE_BOX
    mask = np.zeros((FRAME_SIZE, FRAME_SIZE, 1), np.float32)
    mask[y + 24 : y + size - 24, x + 24 : x + size - 24] = 1.0
    mask = ndimage.gaussian_filter(mask, (10, 10, 0))
    blended = [picture * mask + portrait * (1 - mask) for picture in pictures]
    return np.stack(blended).round().astype(np.uint8)


def _item(folder: Path, clip: Clip, name: str, model: Callable[..., Any] | None) -> list[str]:
    """Write everything about one clip and return its rows of the manifest."""
    start = _liveliest(clip)
    sound = clip.audio[start * SAMPLES_PER_FRAME : (start + FRAMES) * SAMPLES_PER_FRAME]
    portrait, voice = f"inputs/{name}.png", f"inputs/{name}.wav"
    Image.fromarray(clip.reference_image()).save(folder / portrait)
    _write_wav(folder / voice, sound)
    files = {}
    for system, pictures in baselines(clip, start).items():
        files[system] = f"videos/{system}-{name}.mp4"
        _write_video(folder / files[system], pictures, sound)
    if model is not None:
        files["model"] = f"videos/model-{name}.mp4"
        model(folder / voice, folder / files["model"], reference=clip.reference_image())
    return [
        f"{system},{name},{file},{portrait},{voice},{LICENCE}" for system, file in files.items()
    ]


def _pipeline() -> Callable[..., Any] | None:
    """`FlowActPipeline.generate` of the default checkpoint, None where there is none."""
    if not assets.checkpoint().is_dir():
        return None
    from flowact.pipeline import FlowActPipeline

    return FlowActPipeline.from_pretrained().generate


def _jaw_frame(
    portrait: Frames, level: float, mouth: tuple[float, float, float], index: int
) -> Frames:
    rows, columns = np.mgrid[0:FRAME_SIZE, 0:FRAME_SIZE].astype(np.float32)
    x, y, half = mouth
    near = np.exp(-(((columns - x) / (1.6 * half)) ** 2)) * np.exp(
        -((np.maximum(0, rows - y - 2 * half) / half) ** 2)
    )
    drop = JAW_REACH * level * near * (rows > y)
    sway = 2.0 * np.sin(2 * np.pi * index / (2 * FPS))
    where = [rows - drop, columns + sway * np.clip((FRAME_SIZE - rows) / FRAME_SIZE, 0, 1)]
    moved = np.stack(
        [
            ndimage.map_coordinates(portrait[..., c], where, order=1, mode="nearest")
            for c in range(3)
        ],
        axis=-1,
    )
    gap = (rows > y) & (rows - y < drop) & (np.abs(columns - x) < half)
    moved[gap] = (moved[gap] * 0.2 + np.array([50, 16, 18])).astype(np.uint8)
    return moved


def _mouth(clip: Clip) -> tuple[float, float, float]:
    """Centre and half width of the mouth in the middle of the clip's movement, in pixels."""
    middle = np.median(clip.landmarks.astype(np.float64), axis=0)
    left, right = (middle[LANDMARKS.index(name)] for name in ("mouth_left", "mouth_right"))
    return (
        float((left[0] + right[0]) / 2),
        float((left[1] + right[1]) / 2),
        float(abs(left[0] - right[0]) / 2),
    )


def _loudness(clip: Clip) -> NDArray[np.float64]:
    """Smoothed loudness per frame, 0 to 1: [frames]."""
    level = np.abs(clip.audio.astype(np.float64)).reshape(len(clip), -1).mean(axis=1)
    smooth = np.convolve(level, np.ones(3) / 3, "same")
    loudness: NDArray[np.float64] = np.sqrt(smooth / max(1.0, smooth.max()))
    return loudness


def _liveliest(clip: Clip) -> int:
    """First frame of the FRAMES that carry most sound."""
    total = np.concatenate([[0.0], np.cumsum(_loudness(clip))])
    if len(clip) < FRAMES:
        raise StudyError(f"a rendered clip has {len(clip)} frames, expected at least {FRAMES}")
    return int(np.argmax(total[FRAMES:] - total[:-FRAMES]))


def _write_video(path: Path, pictures: Frames, sound: NDArray[np.int16]) -> None:
    """Nearly lossless: the study's builder encodes once more."""
    settings = Stimuli(width=FRAME_SIZE, height=FRAME_SIZE, fps=FPS, crf=12, preset="veryfast")
    loud = (sound / 32768).astype(np.float32)
    samples = np.repeat(loud, settings.audio_rate // SAMPLE_RATE).astype(np.float32)
    media.write_clip(path, iter(pictures), samples[None], settings)


def _write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(samples.astype("<i2").tobytes())


def _write_config(folder: Path, candidate: str) -> None:
    """study.yaml of the sample study; an existing one is kept."""
    path = folder / "study.yaml"
    if path.exists():
        return
    config = {
        "name": "sample",
        "title": {"en": "Which talking portrait is better?", "zh": "哪一个会说话的人像更好？"},
        "seed": 20260101,
        "candidate": candidate,
        "anchor": None if candidate == "rendered" else "rendered",
        "trials": {"per_participant": 8, "training": 1, "catch": {"items": 2}},
        "stimuli": {"crf": 24, "preset": "veryfast"},
        "recruitment": {"codes": {"finished": "SAMPLE-DONE"}},
    }
    path.write_text(yaml.safe_dump(config, allow_unicode=True, sort_keys=False), encoding="utf-8")
