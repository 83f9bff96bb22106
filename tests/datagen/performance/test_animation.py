"""The small motions of a living face: blinks, gaze, head and breath."""

import numpy as np
import numpy.typing as npt
import pytest

from flowact.datagen.performance import animation
from flowact.motion.arkit import CURVE
from flowact.timebase import FPS, SAMPLES_PER_FRAME


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def syllables(frames: int = 250) -> npt.NDArray[np.float64]:
    """Loudness of speech that stresses a syllable twice a second, then falls silent."""
    level = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frames) / 12.5)
    return np.where(np.arange(frames) < frames / 2, 1.2 * level, 0.0)


def test_noise_is_smooth_and_of_unit_variance() -> None:
    noise = animation.smooth_noise(rng(), 20_000, 2.0)
    assert noise.std() == pytest.approx(1, abs=0.1)
    assert np.abs(np.diff(noise)).max() < 0.5


def test_blinks_come_every_few_seconds_and_shut_fast() -> None:
    shut = animation.blinks(rng(), 6000)
    onsets = np.flatnonzero((shut[1:] == 1) & (shut[:-1] < 1)) + 1
    gaps = np.diff(onsets) / FPS
    assert len(onsets) > 60
    assert gaps.max() < 4.5
    assert np.median(gaps) > 1.8
    assert np.any(gaps < 0.5)
    assert np.all(shut[onsets + 1] > 0.9)
    assert np.median(shut[onsets - 2]) == 0
    assert np.median(shut[onsets + 2]) > 0.5


def test_loudness_is_zero_in_silence_and_about_one_on_vowels() -> None:
    tone = np.sin(np.arange(50 * SAMPLES_PER_FRAME) * 0.1).astype(np.float32)
    tone[: 25 * SAMPLES_PER_FRAME] = 0
    level = animation.loudness(tone * 0.2)
    assert len(level) == 50
    assert level[:18].max() < 1e-3
    assert level[35:45] == pytest.approx(np.ones(10), abs=0.15)
    assert not animation.loudness(np.zeros(10 * SAMPLES_PER_FRAME, np.float32)).any()


def test_accents_are_the_stressed_syllables() -> None:
    frames = animation.accents(syllables())
    assert len(frames) == 10
    assert np.diff(frames).min() > 0.35 * FPS
    assert frames.max() < 130


def test_the_head_moves_with_speech_and_calms_down_in_silence() -> None:
    motion = np.stack([animation.talking_head(rng(s), syllables()) for s in range(20)])
    degrees = np.degrees(motion)
    assert degrees[:, 200:].std() < 0.05 * degrees[:, 25:100].std()
    assert 1.0 < degrees[:, 25:100].std() < 6.0
    assert np.abs(np.degrees(animation.idle_head(rng(), 2000))).max() < 8


def test_brows_rise_on_some_accents_only() -> None:
    brows = np.stack([animation.brows(rng(s), syllables()) for s in range(10)])
    assert brows.max() > 0.3
    assert brows.min() >= 0
    assert brows[:, 200:].max() < 0.2


def test_eyes_turn_against_the_head() -> None:
    head = np.radians([[4.0, 10.0, 0.0]])
    eyes = animation.eye_angles(np.zeros((1, 2)), head)
    assert np.degrees(eyes[0]) == pytest.approx((-10, -4))
    far = animation.eye_angles(np.ones((1, 2)), np.zeros((1, 3)))
    assert far[0] == pytest.approx(animation.MAXIMUM_EYE)


@pytest.mark.parametrize(
    ("yaw", "pitch", "active"),
    [
        (0.2, 0.0, {"eyeLookOutLeft", "eyeLookInRight"}),
        (-0.2, 0.0, {"eyeLookInLeft", "eyeLookOutRight"}),
        (0.0, 0.2, {"eyeLookDownLeft", "eyeLookDownRight"}),
        (0.0, -0.2, {"eyeLookUpLeft", "eyeLookUpRight"}),
    ],
)
def test_look_curves_follow_the_eyes(yaw: float, pitch: float, active: set[str]) -> None:
    curves = animation.look_curves(np.array([[yaw, pitch]]))[0]
    assert {name for name, column in CURVE.items() if curves[column] > 0} == active


def test_saccades_jump_and_rest() -> None:
    gaze = animation.saccades(rng(), 1000, 0.02)
    moving = np.abs(np.diff(gaze[:, 0])) > 1e-3
    assert 0.02 < moving.mean() < 0.4
    assert gaze[:, 0].std() == pytest.approx(0.02, rel=0.35)


def test_breath_is_slow_and_full() -> None:
    breath = animation.breathing(rng(), 500)
    assert breath.min() == pytest.approx(0, abs=0.01)
    assert breath.max() == pytest.approx(1, abs=0.01)
    crossings = np.count_nonzero(np.diff(breath > 0.5)) / 2
    assert 3.0 < 20 / crossings < 5.5
