"""Music is told from speech, and a recording without speech gets a sentence."""

from pathlib import Path

import numpy as np
import pytest

from flowact.live.speech.presence import speech_remark
from flowact.media import Recording

SPEECH = Path(__file__).parents[3] / "assets" / "speech" / "welcome.wav"


def music(seconds: float = 3.0) -> np.ndarray:
    """A chord that is struck twice a second."""
    times = np.arange(round(16_000 * seconds)) / 16_000
    chord = sum(np.sin(2 * np.pi * hertz * times) for hertz in (220, 277, 330, 440))
    return (0.15 * chord * np.exp(-4 * (times % 0.5))).astype(np.float32)


def test_speech_is_heard_over_music_and_behind_a_pause():
    spoken = Recording.open(SPEECH).read()[:48_000]
    assert speech_remark(Recording.open(SPEECH)) == ""
    assert speech_remark(Recording.from_samples(spoken + 0.2 * music())) == ""
    pause = np.zeros(32_000, np.float32)
    assert speech_remark(Recording.from_samples(np.concatenate([pause, spoken]))) == ""


@pytest.mark.parametrize("kind", ["music", "noise"])
def test_what_nobody_says_gets_a_sentence(kind):
    noise = np.random.default_rng(0).normal(0, 0.1, 48_000).astype(np.float32)
    sound = music() if kind == "music" else noise
    assert speech_remark(Recording.from_samples(sound)).startswith(
        "No speech was found in the sound;"
    )
