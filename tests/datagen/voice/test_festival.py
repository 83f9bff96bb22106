"""Voices of other languages: their words, their phones, and what is said where they are missing."""

import shutil

import numpy as np
import pytest

from flowact.datagen.performance.performance import ALL_TRAINING_VOICES, random_script
from flowact.datagen.voice import festival
from flowact.datagen.voice.languages import ENGLISH, LANGUAGES, random_words
from flowact.datagen.voice.phonemes import PAUSE, VISEMES, split_diphthongs, viseme_of
from flowact.datagen.voice.speech import FESTIVAL_VOICES, voice
from flowact.errors import UserError

needs_festival = pytest.mark.skipif(
    bool(festival.missing_packages()), reason="Festival or a voice of it is not installed"
)


@pytest.mark.parametrize("language", [name for name in LANGUAGES if name != ENGLISH])
def test_words_of_a_language_are_many_and_repeatable(language: str) -> None:
    first, again = (random_words(np.random.default_rng(4), language) for _ in range(2))
    assert first == again and first.endswith(".")
    said = {random_words(np.random.default_rng(seed), language) for seed in range(50)}
    assert len(said) == 50


@pytest.mark.parametrize(
    ("label", "language", "phone"),
    [
        ("a1", "italian", "aa"),
        ("tS", "italian", "ch"),
        ("u:", "finnish", "uw"),
        ("pp", "russian", "p"),
        ("oo", "russian", "ao"),
        ("ch", "czech", "hh"),
        ("bh", "hindi", "b"),
        ("em", "english", "m"),
        ("pau", "hindi", PAUSE),
        ("#", "italian", PAUSE),
    ],
)
def test_a_label_becomes_the_phone_with_the_nearest_lips(
    label: str, language: str, phone: str
) -> None:
    assert festival.arpabet(label, language) == phone


def test_every_phone_has_lips() -> None:
    for language in LANGUAGES:
        for phone in festival.phones(language).values():
            assert viseme_of(phone) in VISEMES


def test_missing_voices_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert {"festival", "festvox-ru"} <= set(festival.missing_packages())
    with pytest.raises(UserError, match="Debian packages festival and festvox-italp16k"):
        festival.FestivalVoice("lp")
    with pytest.raises(ValueError, match="unknown festival voice 'bert'"):
        festival.FestivalVoice("bert")


@pytest.mark.parametrize("name", FESTIVAL_VOICES)
def test_a_voice_speaks_its_language_and_times_its_phones(name: str) -> None:
    try:
        speaker = voice(name)
    except UserError as error:
        pytest.skip(str(error))
    text = "Bob bought a bun." if speaker.language == ENGLISH else None
    said = speaker.speak(text or random_words(np.random.default_rng(1), speaker.language))
    assert 0.5 < said.seconds < 12 and np.abs(said.audio).max() > 0.02
    phones = split_diphthongs(list(said.phonemes))
    assert len({viseme_of(p.label) for p in phones}) >= 5
    assert said.phonemes[-1].end == pytest.approx(said.seconds, abs=0.3)
    again = speaker.speak(text or random_words(np.random.default_rng(1), speaker.language))
    assert np.array_equal(said.audio, again.audio)


@needs_festival
def test_scripts_draw_from_all_voices_and_speak_their_language() -> None:
    scripts = [
        random_script(np.random.default_rng(seed), 4.0, voices=ALL_TRAINING_VOICES)
        for seed in range(60)
    ]
    spoken = {script.voice.partition(":")[0] for script in scripts}
    assert spoken == {"flite", "espeak", "festival"}
