"""Voices tell when each phone sounds, and recordings change the sound but not the times."""

import ctypes.util
import shutil
import sys
from itertools import pairwise

import numpy as np
import pytest

from flowact.datagen.voice import espeak, flite
from flowact.datagen.voice.acoustics import (
    Channel,
    bumps,
    change_register,
    coloured_noise,
    random_channel,
    to_level,
)
from flowact.datagen.voice.phonemes import (
    PAUSE,
    Phoneme,
    arpabet_from_ipa,
    split_diphthongs,
    viseme_of,
)
from flowact.datagen.voice.speech import voice
from flowact.datagen.voice.utterance import Utterance
from flowact.errors import UserError
from flowact.timebase import SAMPLE_RATE

TEXT = "Bob made five pumpkin pies, and Emma ate them."
needs_flite = pytest.mark.skipif(
    not flite.is_installed(), reason="the program flite is not installed"
)


@pytest.fixture(scope="module")
def utterance() -> Utterance:
    return voice("espeak:en-us").speak(TEXT)


def loudness(utterance: Utterance, phoneme: Phoneme) -> float:
    first, last = (round(t * SAMPLE_RATE) for t in phoneme[1:])
    return float(np.sqrt(np.square(utterance.audio[first:last]).mean()))


def assert_phones_fill_the_audio(utterance: Utterance) -> None:
    phonemes = utterance.phonemes
    assert phonemes[0].start == 0
    assert all(a.end == pytest.approx(b.start, abs=2e-3) for a, b in pairwise(phonemes))
    assert all(p.end > p.start for p in phonemes)
    assert phonemes[-1].end == pytest.approx(utterance.seconds, abs=0.02)


def assert_vowels_sound_and_pauses_do_not(utterance: Utterance) -> None:
    vowels = [loudness(utterance, p) for p in utterance.phonemes if p.label in ("aa", "ay", "ey")]
    pauses = [
        loudness(utterance, p)
        for p in utterance.phonemes
        if p.label == PAUSE and p.end - p.start > 0.05
    ]
    assert len(vowels) >= 4
    assert pauses
    assert min(vowels) > 4 * max(pauses)


def test_espeak_times_its_phones(utterance: Utterance) -> None:
    assert_phones_fill_the_audio(utterance)
    assert_vowels_sound_and_pauses_do_not(utterance)
    assert utterance.audio.dtype == np.float32
    labels = [p.label for p in utterance.phonemes if p.label != PAUSE]
    assert labels[:6] == ["b", "aa", "b", "m", "ey", "d"]


@needs_flite
@pytest.mark.parametrize("variant", ["slt", "kal16"])
def test_flite_times_its_phones(variant: str) -> None:
    spoken = voice(f"flite:{variant}").speak(TEXT)
    assert_phones_fill_the_audio(spoken)
    assert_vowels_sound_and_pauses_do_not(spoken)


def test_printed_flite_times_are_read() -> None:
    phonemes = flite._phonemes("pau:0.193 b:0.224 \n aa:0.435 ", seconds=0.4)
    assert phonemes == [
        Phoneme("pau", 0.0, 0.193),
        Phoneme("b", 0.193, 0.224),
        Phoneme("aa", 0.224, 0.4),
    ]


def test_stops_are_shut_before_their_burst(utterance: Utterance) -> None:
    closed = [p for p in utterance.phonemes if p.label == "p"]
    first_half = [Phoneme(p.label, p.start, p.start + 0.03) for p in closed]
    vowels = [p for p in utterance.phonemes if p.label in ("aa", "ay")]
    quiet = np.mean([loudness(utterance, p) for p in first_half])
    assert quiet < 0.4 * np.mean([loudness(utterance, p) for p in vowels])


def test_a_text_sounds_the_same_each_time(utterance: Utterance) -> None:
    voice("espeak:en-us+f2").speak("Something else in between.")
    again = voice("espeak:en-us").speak(TEXT)
    assert np.array_equal(again.audio, utterance.audio)
    assert again.phonemes == utterance.phonemes


def test_tempo_changes_the_length(utterance: Utterance) -> None:
    fast = voice("espeak:en-us").speak(TEXT, tempo=1.4)
    assert fast.seconds < 0.85 * utterance.seconds


def test_trimming_cuts_the_pauses_at_the_ends(utterance: Utterance) -> None:
    trimmed = utterance.trimmed()
    assert trimmed.phonemes[0].start == 0
    assert PAUSE not in (trimmed.phonemes[0].label, trimmed.phonemes[-1].label)
    assert trimmed.phonemes[-1].end == pytest.approx(trimmed.seconds, abs=1e-3)
    silence = Utterance(np.zeros(800, np.float32), (Phoneme(PAUSE, 0, 0.05),))
    assert silence.trimmed() is silence


@pytest.mark.parametrize("name", ["flite:nobody", "espeak:nobody", "piper:amy", "flite", ""])
def test_an_unknown_voice_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        voice(name)


def test_a_missing_flite_names_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UserError, match="Debian package flite"):
        flite.FliteVoice("rms")


def test_a_missing_espeak_names_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(ctypes.util, "find_library", lambda _: None)
    with pytest.raises(UserError, match=r"Debian package espeak-ng .* espeakng-loader"):
        espeak._locate.__wrapped__()


@pytest.mark.parametrize(
    ("ipa", "expected"),
    [
        ("ˈɑː", ("aa",)),
        ("tʃ", ("ch",)),
        ("eɪ", ("ey",)),
        ("əl", ("l",)),
        ("ɔːɹ", ("ao", "r")),
        ("", (PAUSE,)),
        ("ˈ", (PAUSE,)),
    ],
)
def test_ipa_becomes_arpabet(ipa: str, expected: tuple[str, ...]) -> None:
    assert arpabet_from_ipa(ipa) == expected


def test_diphthongs_become_two_vowels_in_the_same_time() -> None:
    split = split_diphthongs([Phoneme("m", 0, 0.1), Phoneme("ay", 0.1, 0.3)])
    assert [p.label for p in split] == ["m", "aa", "iy"]
    assert split[1].start == 0.1
    assert split[1].end == split[2].start
    assert split[2].end == 0.3


def test_a_diphthong_starts_like_its_first_vowel() -> None:
    assert [viseme_of(d) for d in ("ay", "ow", "ey")] == ["aa", "oh", "E"]


def test_an_unknown_phone_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown phone 'xx'"):
        viseme_of("xx")


def test_a_smaller_throat_sounds_higher_and_faster() -> None:
    tone = np.sin(2 * np.pi * 200 * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    changed = change_register(Utterance(tone, (Phoneme("aa", 0.25, 0.75),)), 1.25)
    assert changed.seconds == pytest.approx(0.8, abs=0.01)
    assert changed.phonemes[0] == pytest.approx(("aa", 0.2, 0.6))
    spectrum = np.abs(np.fft.rfft(changed.audio))
    peak = spectrum.argmax() * SAMPLE_RATE / len(changed.audio)
    assert peak == pytest.approx(250, abs=3)


def test_a_clean_channel_keeps_digital_silence() -> None:
    recorded = Channel(noise_level=None).record(np.zeros(6400, np.float32), rng())
    assert not recorded.any()


def test_room_noise_has_the_level_asked_for() -> None:
    recorded = Channel(noise_level=-50).record(np.zeros(32000, np.float32), rng())
    assert 20 * np.log10(recorded.std()) == pytest.approx(-50, abs=2)


def test_a_telephone_band_drops_the_highs() -> None:
    noise = to_level(coloured_noise(rng(), 32000, 0), -20)
    power = np.abs(np.fft.rfft(Channel(band=(300, 3400)).record(noise, rng()))) ** 2
    frequency = np.fft.rfftfreq(32000, 1 / SAMPLE_RATE)
    inside = power[(frequency > 800) & (frequency < 2500)].mean()
    assert power[frequency > 7000].mean() < 0.03 * inside


def test_an_echo_follows_the_sound() -> None:
    click = np.zeros(16000, np.float32)
    click[4000:4400] = 0.5
    room = Channel(reverb_seconds=0.5, reverb_level=0.3)
    dry, wet = (c.record(click, rng()) for c in (Channel(), room))
    tail = slice(5600, 8000)
    assert np.square(wet[tail]).sum() > 20 * np.square(dry[tail]).sum()
    assert np.abs(wet[:3900]).max() < 1e-4


def test_recordings_are_repeatable_and_within_range() -> None:
    speech = to_level(bumps(rng(), 32000, 20), -12)
    for seed in range(12):
        channel = random_channel(np.random.default_rng(seed))
        first, second = (channel.record(speech, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(first, second)
        assert np.abs(first).max() <= 1
        assert len(first) == len(speech)


def rng() -> np.random.Generator:
    return np.random.default_rng(5)
