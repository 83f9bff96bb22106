import numpy as np

from flowact.live.activity import RELEASE_SECONDS, VoiceActivity
from tests.tiny_pipeline import speech


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * 16_000))).astype(np.float32)


def changes(detector: VoiceActivity, samples: np.ndarray) -> list[tuple[str, float]]:
    found = []
    for packet in range(len(samples) // 640):
        heard = detector.hear(samples[packet * 640 : (packet + 1) * 640])
        if heard.began or heard.ended:
            found.append(("began" if heard.began else "ended", packet * 0.04))
    return found


def test_a_turn_has_one_beginning_and_one_end():
    talk = speech(3.0).read()
    sound = np.concatenate([noise(2, 1e-3), talk, noise(2, 1e-3, 1)])
    (began, at), (ended, until) = changes(VoiceActivity(), sound)
    assert (began, ended) == ("began", "ended")
    assert 2.0 <= at < 2.4
    assert 5.0 < until < 5.2 + RELEASE_SECONDS


def test_a_loud_fan_is_not_taken_for_a_voice_for_ever():
    (began, _), (ended, until) = changes(VoiceActivity(), noise(40, 0.02))
    assert (began, ended) == ("began", "ended")
    assert until < 25


def test_silence_is_no_voice():
    assert changes(VoiceActivity(), np.zeros(32_000, np.float32)) == []
