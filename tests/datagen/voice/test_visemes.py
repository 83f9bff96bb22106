"""A talking mouth: lips meet on P, B and M, vowels have their shapes, silence is a shut mouth."""

import numpy as np
import numpy.typing as npt
import pytest

from flowact.datagen.voice.phonemes import PAUSE, VISEME_PHONES, VISEMES, Phoneme
from flowact.datagen.voice.speech import voice
from flowact.datagen.voice.visemes import MOUTH, TARGETS, Articulation, closures, mouth_curves
from flowact.motion.arkit import ARKIT, CURVE, columns
from flowact.timebase import FPS

OPENING = [CURVE[n] for n in ("jawOpen", "mouthLowerDownLeft", "mouthUpperUpLeft", "mouthFunnel")]
Curves = npt.NDArray[np.float32]


def say(*phones: str, seconds: float = 0.14, start: float = 0.4) -> list[Phoneme]:
    """Phones of equal length, one after the other."""
    times = start + seconds * np.arange(len(phones) + 1)
    return [Phoneme(p, *map(float, times[i : i + 2])) for i, p in enumerate(phones)]


def at(curves: Curves, seconds: float, name: str) -> float:
    return float(curves[int(seconds * FPS), columns(name)[0]])


def test_every_viseme_has_a_shape_and_only_mouth_curves_move() -> None:
    assert len(VISEMES) == 15
    assert not TARGETS[VISEMES.index("sil")].any()
    assert all(TARGETS[VISEMES.index(v)].any() for v in VISEMES if v != "sil")
    moved = [name for name, moves in zip(ARKIT, MOUTH, strict=True) if moves]
    assert all(name.startswith(("mouth", "jaw", "tongue")) for name in moved)


@pytest.mark.parametrize("phone", " ".join(VISEME_PHONES.values()).split())
def test_every_phone_can_be_said(phone: str) -> None:
    curves = mouth_curves(say(phone), 25)
    assert curves.shape == (25, 52)
    assert np.isfinite(curves).all()
    assert curves.any() == (phone not in VISEME_PHONES["sil"].split())


def test_silence_is_a_shut_mouth() -> None:
    assert not mouth_curves([], 20).any()
    assert not mouth_curves([Phoneme(PAUSE, 0, 0.8)], 20).any()
    style = Articulation()
    curves = mouth_curves(say("aa", "iy", "s", start=1.0), 60)
    time = (np.arange(60) + 0.5) / FPS
    silent = (time < 1.0 - style.lead - 0.02) | (time > 1.42 + style.trail + 0.02)
    assert not curves[silent].any()
    assert curves[(time > 0.92) & (time < 1.52)].any(axis=1).all()


def test_a_long_pause_shuts_the_mouth_in_between() -> None:
    phones = [*say("aa", start=0.2), Phoneme(PAUSE, 0.34, 1.34), *say("aa", start=1.34)]
    curves = mouth_curves(phones, 50)
    assert not curves[int(0.6 * FPS) : int(1.1 * FPS)].any()


@pytest.mark.parametrize("phone", ["p", "b", "m"])
@pytest.mark.parametrize("seconds", [0.025, 0.06, 0.12])
@pytest.mark.parametrize("phase", np.linspace(0, 1 / FPS, 5))
def test_lips_meet_between_open_vowels(phone: str, seconds: float, phase: float) -> None:
    start = 0.4 + phase
    phones = [
        Phoneme("aa", 0.2, start),
        Phoneme(phone, start, start + seconds),
        Phoneme("aa", start + seconds, 0.9),
    ]
    loud = np.full(30, 1.3)
    curves = mouth_curves(phones, 30, loud)
    frame = int((start + 0.42 * seconds) * FPS)
    assert curves[frame, OPENING].max() < 0.01
    assert curves[frame, list(columns("mouthPress"))].min() > 0.3
    assert curves[:, CURVE["jawOpen"]].max() > 0.45


@pytest.mark.parametrize("phone", ["f", "v"])
def test_teeth_bite_the_lower_lip(phone: str) -> None:
    curves = mouth_curves(say("aa", phone, "aa"), 30)
    bite = 0.54 + 0.42 * 0.14
    assert at(curves, bite, "jawOpen") < 0.12
    assert at(curves, bite, "mouthRollLower") > 0.3
    assert at(curves, bite, "mouthUpperUp") > 0.1


def test_vowels_have_their_shapes() -> None:
    held = {v: mouth_curves(say(v, seconds=0.3), 30)[int(0.55 * FPS)] for v in ("aa", "iy", "uw")}
    assert held["aa"][CURVE["jawOpen"]] > 0.5
    assert held["uw"][CURVE["mouthPucker"]] > 0.6 > held["aa"][CURVE["mouthPucker"]]
    assert held["iy"][CURVE["mouthStretchLeft"]] > 0.3 > held["uw"][CURVE["mouthStretchLeft"]]


def test_a_consonant_takes_the_colour_of_its_vowel() -> None:
    rounded, spread = (mouth_curves(say("s", v, seconds=0.1), 25) for v in ("uw", "iy"))
    assert at(rounded, 0.47, "mouthPucker") > 5 * at(spread, 0.47, "mouthPucker")
    assert at(rounded, 0.47, "mouthPucker") > 0.05


def test_loud_speech_opens_the_jaw_more() -> None:
    soft, loud = (mouth_curves(say("aa"), 25, np.full(25, level)) for level in (0.3, 1.2))
    assert at(loud, 0.47, "jawOpen") > 1.25 * at(soft, 0.47, "jawOpen") > 0
    assert at(loud, 0.47, "mouthStretch") == at(soft, 0.47, "mouthStretch")


def test_closures_name_the_frames_of_shut_lips() -> None:
    shut = closures(say("aa", "m", "aa", "v", "aa"), 40)
    assert shut[int(0.6 * FPS)] == 1
    assert shut[int(0.88 * FPS)] == pytest.approx(0.9)
    assert shut[int(0.46 * FPS)] < 0.1
    assert not closures(say("aa", "s", "k"), 40).any()


def test_a_real_sentence_opens_closes_and_moves_smoothly() -> None:
    spoken = voice("espeak:en-us").speak("Peter bought my mother some purple plums.")
    frames = int(spoken.seconds * FPS) + 10
    curves = mouth_curves(spoken.phonemes, frames)
    for phoneme in spoken.phonemes:
        if phoneme.label in ("p", "b", "m"):
            frame = int((phoneme.start + 0.42 * (phoneme.end - phoneme.start)) * FPS)
            assert curves[frame, OPENING].max() < 0.01, phoneme
    assert curves[:, CURVE["jawOpen"]].max() > 0.35
    assert np.abs(np.diff(curves, axis=0)).max() < 0.5
    assert not curves[-3:].any()
