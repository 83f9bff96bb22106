"""What moves in a living face and body without being asked: breath, blinks, gaze, head, brows."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from flowact.datagen.voice.utterance import Signal
from flowact.motion.arkit import ARKIT, columns
from flowact.motion.gaze import LOOKS, MAXIMUM_EYE
from flowact.timebase import FPS, SAMPLES_PER_FRAME

Array = npt.NDArray[np.float64]

_BLINK = np.array([0.45, 1.0, 0.95, 0.6, 0.28, 0.08])
"""Lid position frame by frame: shut in two frames, open again in four."""


def smooth_noise(rng: np.random.Generator, frames: int, period: float) -> Array:
    """Unit-variance noise [frames] that swings over about `period` seconds."""
    sigma = period * FPS / 4
    margin = int(4 * sigma) + 1
    noise = gaussian_filter1d(rng.standard_normal(frames + 2 * margin), sigma)
    return np.asarray(noise[margin : margin + frames] * np.sqrt(2 * np.sqrt(np.pi) * sigma))


def loudness(audio: Signal) -> Array:
    """Loudness of clean speech per video frame, [frames]: 0 in silence, about 1 on a vowel."""
    power = np.square(audio.astype(np.float64)).reshape(-1, SAMPLES_PER_FRAME).mean(axis=1)
    level = gaussian_filter1d(np.sqrt(power), 1.0)
    spoken = level[level > 1e-3]
    if not len(spoken):
        return np.zeros(len(level))
    return np.asarray(np.clip(level / np.percentile(spoken, 75), 0, 1.5))


def accents(level: Array) -> Array:
    """Frames of the syllables that stand out of `level` [frames], at least 0.35 s apart."""
    slow = gaussian_filter1d(level, 1.2)
    peak = (slow[1:-1] > slow[:-2]) & (slow[1:-1] >= slow[2:]) & (slow[1:-1] > 0.75)
    chosen: list[int] = []
    for frame in np.flatnonzero(peak) + 1:
        if not chosen or frame - chosen[-1] > 0.35 * FPS:
            chosen.append(int(frame))
    return np.asarray(chosen, int)


def pulses(frames: int, centres: Array, heights: Array, width: float) -> Array:
    """Sum of smooth bumps [frames] at the frames `centres`, each about `width` seconds wide."""
    train = np.zeros(frames)
    for centre, height in zip(centres, heights, strict=True):
        offset = (np.arange(frames) - centre) / (width * FPS / 2)
        train += height * np.exp(-(offset**2))
    return train


def blinks(rng: np.random.Generator, frames: int) -> Array:
    """Lid closure [frames], 0 open to 1 shut, every 1.8 to 4.4 s, one blink in eight doubled."""
    closure = np.zeros(frames + len(_BLINK))
    moment = rng.uniform(0, 3.0)
    while moment * FPS < frames:
        first = int(moment * FPS)
        closure[first : first + len(_BLINK)] = np.maximum(
            closure[first : first + len(_BLINK)], _BLINK
        )
        moment += 0.32 if rng.random() < 0.125 else rng.uniform(1.8, 4.4)
    return closure[:frames]


def saccades(rng: np.random.Generator, frames: int, spread: float) -> Array:
    """Small jumps of the point looked at, yaw and pitch in radians [frames, 2].

    Jumps of standard deviation `spread` (radians) every 0.4 to 1.8 s, done within one frame.
    """
    gaze = np.zeros((frames, 2))
    start = 0
    while start < frames:
        stop = start + int(rng.uniform(0.4, 1.8) * FPS)
        gaze[start:stop] = rng.normal(0, spread, 2) * (1, 0.6)
        start = stop
    return np.asarray(gaussian_filter1d(gaze, 0.45, axis=0))


def breathing(rng: np.random.Generator, frames: int) -> Array:
    """Breath [frames] from 0 (out) to 1 (in), 3.2 to 4.6 s long, in faster than out."""
    phase = np.cumsum(np.full(frames, 1 / (rng.uniform(3.2, 4.6) * FPS))) + rng.random()
    wave = 2 * np.pi * phase
    return np.asarray(0.5 - 0.5 * np.cos(wave + 0.5 * np.sin(wave)))


def idle_head(rng: np.random.Generator, frames: int) -> Array:
    """Head of someone who sits still: pitch, yaw, tilt in radians [frames, 3], about a degree."""
    slow = [smooth_noise(rng, frames, period) for period in (4.0, 5.0, 4.5)]
    quick = [smooth_noise(rng, frames, 0.9) for _ in range(3)]
    degrees = np.stack(slow, 1) * (0.9, 1.4, 0.9) + np.stack(quick, 1) * (0.12, 0.15, 0.1)
    return np.radians(degrees)


def talking_head(rng: np.random.Generator, level: Array) -> Array:
    """Head motion of speech with this loudness [frames]: pitch, yaw, tilt in radians [frames, 3].

    Stressed syllables dip the head, phrases swing it, silence calms it.
    """
    frames = len(level)
    activity = np.clip(gaussian_filter1d(level, 0.25 * FPS) * 1.6, 0, 1)
    stressed = accents(level)
    dips = pulses(frames, stressed, rng.uniform(0.6, 3.2, len(stressed)), 0.34)
    turns = pulses(frames, stressed, rng.normal(0, 1.6, len(stressed)), 0.6)
    swing = np.stack([smooth_noise(rng, frames, p) for p in (1.4, 1.8, 1.7)], 1) * (1.5, 3.4, 1.8)
    degrees = swing + np.stack([dips - 0.8, turns, 0.5 * turns], 1)
    return np.asarray(np.radians(degrees * activity[:, None]))


def brows(rng: np.random.Generator, level: Array) -> Array:
    """Raised brows [frames], 0 to 1: on some stressed syllables, and slow changes of mood."""
    frames = len(level)
    stressed = accents(level)
    heights = rng.uniform(0.15, 0.6, len(stressed)) * (rng.random(len(stressed)) < 0.4)
    mood = 0.04 * np.maximum(smooth_noise(rng, frames, 2.5), 0)
    return np.asarray(np.clip(pulses(frames, stressed, heights, 0.5) + mood, 0, 1))


def eye_angles(gaze: Array, head: Array) -> Array:
    """Yaw and pitch of the eyes in the head [frames, 2] that look along `gaze` [frames, 2].

    `head` [frames, 3] is its pitch, yaw and tilt in the world; the eyes turn against it.
    """
    wanted = gaze - head[:, [1, 0]]
    return np.asarray(np.clip(wanted, -MAXIMUM_EYE, MAXIMUM_EYE))


def look_curves(eyes: Array) -> Array:
    """The eyeLook curves [frames, 52] of eyes at these angles: yaw to the left, pitch down."""
    angles = eyes / MAXIMUM_EYE
    curves = np.zeros((len(eyes), len(ARKIT)))
    for name, (axis, sign) in LOOKS.items():
        curves[:, columns(name)] = np.clip(sign * angles[:, axis, None], 0, 1)
    return curves
