"""Phones are found where they are spoken, and wrong transcripts are refused."""

import sys
from itertools import pairwise

import numpy as np
import pytest

from flowact.datagen.voice.phonemes import PAUSE, Phoneme
from flowact.datagen.voice.speech import voice
from flowact.datagen.voice.utterance import Utterance
from flowact.errors import UserError
from flowact.evaluation.judges.alignment import (
    AlignmentError,
    PhoneAligner,
    cut_silence,
    expected_opening,
    spoken_words,
    unexplained_seconds,
    whole_latents,
)
from flowact.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME

TEXT = "Mother bought a map of the beautiful town, and people were happy to move."


@pytest.fixture(scope="module")
def aligner() -> PhoneAligner:
    return PhoneAligner()


@pytest.fixture(scope="module")
def spoken() -> Utterance:
    return voice("espeak:en-us").speak(TEXT)


def test_words_are_plain_and_numbers_are_spelled_out() -> None:
    assert spoken_words("Press 1, or 10; that's <beep> it (tone) [x].") == [
        *("press", "one", "or", "ten", "that's", "it")
    ]
    assert spoken_words("'quoted' 42") == ["quoted", "42"]
    assert spoken_words("[tones]") == []


def test_lips_are_found_where_the_voice_closed_them(
    aligner: PhoneAligner, spoken: Utterance
) -> None:
    """The voice knows its own times, so the aligner can be measured against them."""
    found = aligner.align(spoken.audio, TEXT)
    middles = [(p.start + p.end) / 2 for p in found if p.label in ("p", "b", "m")]
    true = [(p.start + p.end) / 2 for p in spoken.phonemes if p.label in ("p", "b", "m")]
    assert len(middles) == len(true) == 9
    assert np.abs(np.subtract(middles, true)).mean() < 0.04
    assert found[0].start == 0
    assert all(a.end == pytest.approx(b.start) for a, b in pairwise(found))


@pytest.mark.parametrize("text", ["the xyzzyq is here", "", "[beep]", "press 42"])
def test_unknown_words_are_refused(aligner: PhoneAligner, spoken: Utterance, text: str) -> None:
    with pytest.raises(AlignmentError, match="cannot align"):
        aligner.align(spoken.audio, text)


def test_a_transcript_too_long_for_the_sound_is_refused(aligner: PhoneAligner) -> None:
    with pytest.raises(AlignmentError, match="not what the recording says"):
        aligner.align(np.zeros(3200, np.float32), TEXT)


def test_words_beyond_the_transcript_are_noticed(aligner: PhoneAligner, spoken: Utterance) -> None:
    tone = 0.3 * np.sin(np.arange(SAMPLE_RATE) * 0.4).astype(np.float32)
    with pytest.raises(AlignmentError, match="not what|not all"):
        aligner.align(np.concatenate([spoken.audio, tone]), TEXT)


def test_loud_pauses_are_measured() -> None:
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[:8000] = 0.3
    phones = [Phoneme("aa", 0.0, 0.25), Phoneme(PAUSE, 0.25, 1.0)]
    assert unexplained_seconds(phones, sound) == pytest.approx(0.25, abs=0.02)
    assert unexplained_seconds([Phoneme("aa", 0.0, 1.0)], sound) == 0


def test_a_missing_aligner_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(UserError, match="Python package pocketsphinx"):
        PhoneAligner()


def test_a_phone_stretched_over_silence_is_cut() -> None:
    sound = np.zeros(SAMPLE_RATE, np.float32)
    sound[: SAMPLE_RATE // 2] = 0.3 * np.sin(np.arange(SAMPLE_RATE // 2) * 0.2)
    phones = [Phoneme("aa", 0.0, 0.4), Phoneme("n", 0.4, 0.9), Phoneme(PAUSE, 0.9, 1.0)]
    cut = cut_silence(phones, sound)
    assert [p.label for p in cut] == ["aa", "n", PAUSE, PAUSE]
    assert cut[1].end == cut[2].start == pytest.approx(0.5, abs=0.02)
    assert cut[2].end == 0.9


def test_the_expected_mouth_opens_on_vowels_and_shuts_in_silence(spoken: Utterance) -> None:
    samples = whole_latents(np.pad(spoken.audio, (SAMPLE_RATE, SAMPLE_RATE)))
    assert len(samples) % (4 * SAMPLES_PER_FRAME) == 0
    phonemes = tuple(Phoneme(p.label, p.start + 1, p.end + 1) for p in spoken.phonemes)
    opening = expected_opening(phonemes, samples)
    assert opening.shape == (len(samples) // SAMPLES_PER_FRAME,)
    assert not opening[: int(0.8 * FPS)].any()
    vowels = [
        opening[int((p.start + p.end) / 2 * FPS)]
        for p in phonemes
        if p.label in ("aa", "ae", "aw") and p.end - p.start > 0.08
    ]
    shut = [
        opening[int((p.start + 0.42 * (p.end - p.start)) * FPS)]
        for p in phonemes
        if p.label in ("p", "b", "m")
    ]
    assert min(vowels) > 0.1
    assert np.mean(shut) < 0.25 * np.mean(vowels)
