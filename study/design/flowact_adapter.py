"""The one place where the study touches FlowAct: what the systems of the sample study show.

All get the same portrait and voice.
    model      the default checkpoint as it is shipped: the candidate
    no_memory  the same weights, which look back at nothing but the portrait
    one_step   the same weights, which denoise every chunk in a single call
    jaw_loop   no model: the portrait with a jaw that follows the loudness of the voice
    rendered   the renderer's own pictures: the upper anchor
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flowact import assets
from flowact.datagen.clip import LANDMARKS, Clip
from flowact.errors import UserError
from flowact.evaluation.measures.memory_ablation import MaskedMemoryTransformer
from flowact.media import Recording
from flowact.mmdit.memory import REFERENCE
from flowact.motion.face_points import POINT
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.sampling import SamplingConfig
from flowact.portrait.faces import find_faces
from flowact.timebase import FPS, FRAME_SIZE, SAMPLE_RATE, SAMPLES_PER_FRAME
from study.design.jaw_loop import Frames, Mouth, jaw_loop, loudness
from study.errors import StudyError

CANDIDATE, ANCHOR = "model", "rendered"
RATE, SIZE, SOUND_RATE = FPS, FRAME_SIZE, SAMPLE_RATE
SIDES = ("left", "right")


@dataclass(frozen=True)
class Excerpt:
    """Some seconds of a rendered clip: portrait, voice (int16, mono) and the true pictures."""

    portrait: Frames
    voice: NDArray[np.int16]
    pictures: Frames
    mouth: Mouth


System = Callable[[Excerpt, Path], Frames]
"""Makes pictures [frames, 480, 480, 3] for an excerpt whose voice lies in a WAV file."""


def systems() -> dict[str, System]:
    """Every system of the sample study; raises StudyError without a checkpoint that can be loaded."""
    try:
        model = FlowActPipeline.from_pretrained()
    except UserError as error:
        raise StudyError(f"{assets.checkpoint()}: {str(error).rstrip('.')}") from None
    tokenizer, scheduler = model.tokenizer, model.scheduler
    forgetful = MaskedMemoryTransformer.of(model.transformer, REFERENCE)
    return {
        CANDIDATE: _played(model),
        "no_memory": _played(FlowActPipeline(forgetful, tokenizer, scheduler)),
        "one_step": _played(FlowActPipeline(model.transformer, tokenizer, _one_step(scheduler))),
        "jaw_loop": _jaw,
        ANCHOR: lambda excerpt, _voice: excerpt.pictures,
    }


def excerpt(path: Path, frames: int) -> Excerpt:
    """The `frames` of a rendered clip (.npz) that carry most sound; raises StudyError if it is no such clip."""
    try:
        clip = Clip.load(path)
    except (OSError, ValueError, KeyError) as error:
        raise StudyError(f"{path}: not a rendered clip ({error})") from None
    if len(clip) < frames:
        raise StudyError(f"{path}: has {len(clip)} frames, expected at least {frames}")
    total = np.concatenate([[0.0], np.cumsum(loudness(clip.audio, len(clip)))])
    start = int(np.argmax(total[frames:] - total[:-frames]))
    portrait = clip.reference_image()
    return Excerpt(
        portrait=portrait,
        voice=clip.audio[start * SAMPLES_PER_FRAME : (start + frames) * SAMPLES_PER_FRAME],
        pictures=clip.pictures(slice(start, start + frames)),
        mouth=_mouth(portrait, clip),
    )


def _played(pipeline: FlowActPipeline) -> System:
    def play(shown: Excerpt, voice: Path) -> Frames:
        frames = pipeline.stream(shown.portrait, Recording.open(voice))
        return np.stack([frame.image for frame in frames])

    return play


def _jaw(shown: Excerpt, _voice: Path) -> Frames:
    return jaw_loop(shown.portrait, loudness(shown.voice, len(shown.pictures)), shown.mouth, FPS)


def _one_step(scheduler: SamplingConfig) -> SamplingConfig:
    made: SamplingConfig = SamplingConfig.from_config(scheduler.config, kind="sequential", calls=1)
    return made


def _mouth(portrait: Frames, clip: Clip) -> Mouth:
    """The mouth of the portrait; where no face is found in it, that in the middle of the clip's movement."""
    faces = find_faces(portrait)
    if faces:
        left, right = (faces[0].points[POINT[f"mouth_corner_{side}"]] for side in SIDES)
    else:
        middle = np.median(clip.landmarks.astype(np.float64), axis=0)
        left, right = (middle[LANDMARKS.index(f"mouth_{side}")] for side in SIDES)
    x, y = (left + right) / 2
    return Mouth(float(x), float(y), float(abs(left[0] - right[0]) / 2))
