"""A performance: what a person says and does over time, as sound, face curves and poses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flowact.datagen.performance import animation
from flowact.datagen.performance.behaviours import (
    BEHAVIOURS,
    OPENS_MOUTH,
    Track,
    behaviour_track,
    envelope,
)
from flowact.datagen.performance.gestures import key_poses
from flowact.datagen.voice.acoustics import change_register, random_channel
from flowact.datagen.voice.languages import ENGLISH, random_words
from flowact.datagen.voice.phonemes import PAUSE, Phoneme
from flowact.datagen.voice.sentences import random_sentence
from flowact.datagen.voice.speech import (
    ESPEAK_VOICES,
    FESTIVAL_VOICES,
    FLITE_VOICES,
    HELD_OUT_VOICE,
    voice,
)
from flowact.datagen.voice.utterance import Signal
from flowact.datagen.voice.visemes import Articulation, mouth_curves
from flowact.motion.arkit import ARKIT, columns
from flowact.motion.joints import JOINTS, joint
from flowact.timebase import FPS, FRAMES_PER_LATENT, SAMPLE_RATE, SAMPLES_PER_FRAME

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

TRAINING_VOICES = tuple(v for v in (*FLITE_VOICES * 6, *ESPEAK_VOICES) if v != HELD_OUT_VOICE)
"""Voices of flite, of whom there are few and who are people, weigh six times as much."""
ALL_TRAINING_VOICES = (*TRAINING_VOICES, *FESTIVAL_VOICES * 4)
"""Also voices of other languages, for which Festival is needed."""
_WHILE_TALKING = (
    "smiling",
    "nodding",
    "waving",
    "shrugging",
    "pointing",
    "thumbs_up",
    "shaking",
    "thinking",
)
_SILENT = tuple(b for b in BEHAVIOURS if b != "speaking")


@dataclass(frozen=True)
class Segment:
    """One stretch of a script: a behaviour, what is said (None: nothing) and, when silent, for how long."""

    behaviour: str
    text: str | None = None
    seconds: float = 2.0


@dataclass(frozen=True)
class Script:
    """What to perform: segments, the voice and how long the performance is, in seconds."""

    segments: tuple[Segment, ...]
    seconds: float
    voice: str = TRAINING_VOICES[0]


@dataclass(frozen=True)
class Performance:
    """T frames: audio float32 [T * 640] at 16 kHz, curves [T, 52], pose [T, J, 3], phones, behaviour index [T]."""

    audio: Signal
    curves: Floats
    pose: Floats
    phonemes: tuple[Phoneme, ...]
    behaviour: NDArray[np.uint8]
    text: str
    voice: str


def random_script(
    rng: np.random.Generator,
    seconds: float,
    split: str = "train",
    voices: Sequence[str] = TRAINING_VOICES,
) -> Script:
    """About 70 % speech; the rest silent behaviours. `split` other than train uses held-out voice and sentences."""
    held_out = split != "train"
    name = HELD_OUT_VOICE if held_out else str(rng.choice(voices))
    language = voice(name).language
    segments, total = [], 0.0
    while total < seconds:
        if rng.random() < 0.62:
            doing = "speaking" if rng.random() < 0.7 else str(rng.choice(_WHILE_TALKING))
            text = (
                random_sentence(rng, held_out)
                if language == ENGLISH
                else random_words(rng, language)
            )
            segments.append(Segment(doing, text))
            total += 0.4 + 0.065 * len(text)
        else:
            doing = (
                str(rng.choice(("idling", "listening")))
                if rng.random() < 0.45
                else str(rng.choice(_SILENT))
            )
            segments.append(Segment(doing, None, float(rng.uniform(1.2, 3.0))))
            total += segments[-1].seconds
    return Script(tuple(segments), seconds, name)


@dataclass(frozen=True)
class _Timeline:
    audio: Signal
    phonemes: tuple[Phoneme, ...]
    spans: tuple[tuple[Segment, int, int], ...]  # segment, first frame, end frame


def _lay_out(script: Script, frames: int, rng: np.random.Generator) -> _Timeline:
    """Speak the script one segment after the other, cut at `frames`."""
    audio = np.zeros(frames * SAMPLES_PER_FRAME, np.float32)
    register, tempo = float(np.exp(rng.normal(0, 0.12))), float(rng.uniform(0.85, 1.15))
    phonemes: list[Phoneme] = []
    spans, clock = [], 0.0
    for segment in script.segments:
        first, start = int(clock * FPS), clock + rng.uniform(0.10, 0.35)
        if first >= frames:
            break
        if segment.text is None:
            clock += segment.seconds
        else:
            said = change_register(
                voice(script.voice).speak(segment.text, tempo).trimmed(), register
            )
            at = round(start * SAMPLE_RATE)
            room = audio[at : at + len(said.audio)]
            room += said.audio[: len(room)]
            end = frames / FPS
            phonemes += [
                Phoneme(p.label, p.start + start, min(p.end + start, end))
                for p in said.phonemes
                if p.start + start < end
            ]
            clock = start + said.seconds + rng.uniform(0.10, 0.5)
        spans.append((segment, first, min(frames, int(clock * FPS))))
    return _Timeline(audio, tuple(phonemes), tuple(spans))


def perform(script: Script, seed: int) -> Performance:
    """Act out a script; the same script and seed give the same performance, bit for bit."""
    rng = np.random.default_rng([seed, 3])
    frames = FRAMES_PER_LATENT * max(1, round(script.seconds * FPS / FRAMES_PER_LATENT))
    timeline = _lay_out(script, frames, rng)
    acted = _act(timeline.spans, frames, rng)
    level = animation.loudness(timeline.audio)
    curves = _face(timeline, acted, level, rng)
    pose = _pose(acted, level, rng)
    eyes = _eyes(acted, pose, rng)
    curves += animation.look_curves(eyes)
    for name in ("eye_left", "eye_right"):
        pose[:, joint(name), 1], pose[:, joint(name), 0] = eyes[:, 0], eyes[:, 1]
    behaviour = np.zeros(frames, np.uint8)
    for segment, first, end in timeline.spans:
        behaviour[first:end] = BEHAVIOURS.index(segment.behaviour)
    return Performance(
        random_channel(rng).record(timeline.audio, rng),
        np.clip(curves, 0, 1).astype(np.float32),
        pose.astype(np.float32),
        timeline.phonemes,
        behaviour,
        " ".join(s.text for s in script.segments if s.text),
        script.voice,
    )


def _act(
    spans: tuple[tuple[Segment, int, int], ...], frames: int, rng: np.random.Generator
) -> Track:
    """All behaviours of a script blended into one track."""
    total = Track.still(frames)
    total.swing = np.zeros(frames)
    for segment, first, end in spans:
        track = behaviour_track(segment.behaviour, rng, frames)
        share = envelope(frames, first, end)
        if segment.text is not None and segment.behaviour in OPENS_MOUTH:
            track.curves[:] = 0
        total.curves += share[:, None] * track.curves
        total.head += share[:, None] * track.head
        total.gaze += share[:, None] * track.gaze
        for name, weight in track.gestures.items():
            total.gestures[name] = total.gestures.get(name, np.zeros(frames)) + share * weight
        if track.swing is not None:
            total.swing += share * track.swing
    return total


def _face(timeline: _Timeline, acted: Track, level: Array, rng: np.random.Generator) -> Array:
    """Speech over expression: a talking mouth keeps a share of the smile and gives up the rest."""
    frames = len(level)
    style = Articulation(
        amplitude=float(rng.uniform(0.9, 1.12)), effort=float(rng.uniform(0.25, 0.5))
    )
    spoken = np.asarray(mouth_curves(timeline.phonemes, frames, level, style), np.float64)
    talking = np.clip(spoken.max(1) / 0.25, 0, 1)
    expression = acted.curves.copy()
    expression[:, columns("mouthSmile")] += rng.uniform(0.15, 0.35)
    mouth = np.array([n.startswith(("mouth", "jaw", "tongue")) for n in ARKIT])
    expression[:, mouth] *= (1 - 0.6 * talking)[:, None]
    curves = expression + spoken
    brow = animation.brows(rng, level)[:, None]
    curves[:, columns("browInnerUp")] += 0.8 * brow
    curves[:, columns("browOuterUp")] += 0.6 * brow
    shut = animation.blinks(rng, frames)[:, None]
    curves[:, columns("eyeBlink")] = np.maximum(curves[:, columns("eyeBlink")], shut)
    curves[:, columns("eyeWide")] *= 1 - shut
    curves[:, columns("eyeSquint")] *= 1 - shut
    return curves


def _pose(acted: Track, level: Array, rng: np.random.Generator) -> Array:
    frames = len(level)
    pose = np.zeros((frames, len(JOINTS), 3))
    for name, weight in acted.gestures.items():
        pose += np.clip(weight, 0, 1)[:, None, None] * key_poses()[name]
    _swing(pose, acted, frames)
    head = acted.head + animation.idle_head(rng, frames) + animation.talking_head(rng, level)
    head = np.clip(head, -np.radians((14, 20, 12)), np.radians((14, 20, 12)))
    pose[:, joint("neck")] += 0.4 * head
    pose[:, joint("head")] += 0.6 * head
    sway = np.stack([animation.smooth_noise(rng, frames, 6.0) for _ in range(3)], 1)
    pose[:, joint("spine")] += np.radians((0.6, 0.9, 0.7)) * sway
    breath = animation.breathing(rng, frames)
    pose[:, joint("chest"), 0] -= np.radians(1.1) * breath
    for side, sign in (("left", 1), ("right", -1)):
        pose[:, joint(f"clavicle_{side}"), 2] += sign * np.radians(1.2) * breath
        idle = 1 - np.clip(
            sum((w for n, w in acted.gestures.items() if side in n), np.zeros(frames)), 0, 1
        )
        pose[:, joint(f"fingers_{side}"), 0] += 0.35 * idle
    return pose


def _swing(pose: Array, acted: Track, frames: int) -> None:
    """Swing the forearm of a waving hand sideways."""
    if acted.swing is None:
        return
    for side in ("left", "right"):
        weight = acted.gestures.get(f"wave_{side}", np.zeros(frames))
        pose[:, joint(f"upper_arm_{side}"), 2] += weight * acted.swing * 0.6


def _eyes(acted: Track, pose: Array, rng: np.random.Generator) -> Array:
    head = pose[:, joint("neck")] + pose[:, joint("head")] + pose[:, joint("spine")]
    gaze = acted.gaze + animation.saccades(rng, len(pose), np.radians(1.2))
    return animation.eye_angles(gaze, head)


def rest_performance(smile: float) -> tuple[Floats, Floats]:
    """Curves [52] and pose [J, 3] of the idle portrait: a slight smile, lips together, eyes on the viewer."""
    curves = np.zeros(len(ARKIT), np.float32)
    curves[columns("mouthSmile"),] = smile
    pose = np.zeros((len(JOINTS), 3), np.float32)
    for side in ("left", "right"):
        pose[joint(f"fingers_{side}"), 0] = 0.35
    return curves, pose


def quiet_frames(phonemes: Iterable[tuple[str, float, float]], frames: int) -> NDArray[np.bool_]:
    """Frames [frames] at least 0.25 s away from any sound of speech."""
    time = (np.arange(frames) + 0.5) / FPS
    quiet = np.ones(frames, bool)
    for label, start, end in phonemes:
        if label != PAUSE:
            quiet &= (time < start - 0.25) | (time > end + 0.25)
    return quiet
