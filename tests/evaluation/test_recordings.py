"""Packages become recordings with their words, and every failure is one sentence."""

import gzip
import shutil
import subprocess
import wave
from pathlib import Path

import av
import numpy as np
import pytest

from flowact.datagen.voice.speech import voice
from flowact.errors import UserError
from flowact.evaluation import recordings
from flowact.evaluation.judges.alignment import PhoneAligner
from flowact.evaluation.recordings import PACKAGES, fetch, read, real_subjects, speeches
from flowact.timebase import FPS, SAMPLE_RATE, SAMPLES_PER_FRAME

READ = "mother bought a map of the town and people were happy"
WRONG = "this sentence about the xyzzyq cannot be aligned to any sound"


def write_wave(path: Path, text: str) -> None:
    samples = np.round(voice("espeak:en-us").speak(text).audio * 32767).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())


def write_g722(path: Path, text: str) -> None:
    with av.open(str(path), "w", format="g722") as container:
        stream = container.add_stream("g722", rate=SAMPLE_RATE, layout="mono")
        samples = np.round(voice("espeak:en-us").speak(text).audio * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        container.mux([*stream.encode(frame), *stream.encode(None)])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three packages as they unpack, with voices of this test's own."""
    root = tmp_path_factory.mktemp("recordings")
    prompts = root / PACKAGES[0] / recordings._PROMPTS
    texts = root / PACKAGES[1] / recordings._PROMPT_TEXTS
    readings = root / PACKAGES[2] / recordings._READINGS
    for folder in (prompts / "dictate", texts.parent, readings):
        folder.mkdir(parents=True)
    for name in ("short", "menu", "dictate/help"):
        write_g722(prompts / f"{name}.g722", READ)
    lines = (
        *(
            "; Core sounds",
            "",
            "short: Thank you.",
            "absent: This one has text but no file at all.",
        ),
        "menu: Please press 1 to do this, or 2 to do that.",
        "dictate/help: press one to hear all of this once more, please",
    )
    texts.write_bytes(gzip.compress("\n".join(lines).encode()))
    write_wave(readings / "book-1.wav", READ)
    write_wave(readings / "book-2.wav", READ)
    listed = f"<s> {READ} </s> (book-1)\n<s> {WRONG} </s> (book-2)\n"
    (readings / "transcription").write_text(listed)
    return root


def test_recordings_are_listed_with_their_words(cache: Path) -> None:
    found = {speech.name: speech for speech in speeches(cache)}
    assert sorted(found) == ["book-1", "book-2", "dictate-help", "menu"]
    assert found["book-1"].text == READ
    assert found["menu"].speaker == "Allison Smith"
    assert found["menu"].path.is_file()
    assert {speech.name for speech in speeches(cache, words=2)} == {*found, "short"}


def test_an_incomplete_cache_is_refused(tmp_path: Path) -> None:
    (tmp_path / PACKAGES[0]).mkdir()
    with pytest.raises(UserError, match="lacks asterisk-core-sounds-en, pocketsphinx-testdata"):
        speeches(tmp_path)


def test_both_kinds_of_file_are_read(cache: Path) -> None:
    found = {speech.name: read(speech) for speech in speeches(cache)}
    clear, coded = found["book-1"], found["menu"]
    assert clear.dtype == coded.dtype == np.float32
    assert len(coded) == pytest.approx(len(clear), abs=640)
    shared = min(len(clear), len(coded)) - 40
    fit = max(np.corrcoef(clear[:shared], coded[lag:][:shared])[0, 1] for lag in range(40))
    assert fit > 0.95


def test_subjects_carry_what_the_sound_would_do_to_a_mouth(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [s for s in speeches(cache) if s.speaker == "LibriVox reader"]
    monkeypatch.setattr(recordings, "speeches", lambda _: found)
    people = [np.full((480, 480, 3), tone, np.uint8) for tone in (3, 4)]
    (subject,) = real_subjects(cache, PhoneAligner(), people)
    frames = len(subject.samples) // SAMPLES_PER_FRAME
    assert subject.name == "book-1"
    assert subject.opening.shape == subject.silent.shape == (frames,)
    assert len(subject.closures) == 7
    assert not subject.opening[subject.silent].any()
    assert subject.opening.max() > 0.1
    assert all(0 <= start < end <= frames / FPS for start, end in subject.closures)
    assert not list(real_subjects(cache, PhoneAligner(), people, limit=0))


def test_speakers_and_people_take_turns(cache: Path) -> None:
    people = [np.full((480, 480, 3), tone, np.uint8) for tone in (3, 4)]
    ordered = recordings._by_turns(speeches(cache))
    assert [s.name for s in ordered] == ["book-1", "dictate-help", "book-2", "menu"]
    first = next(real_subjects(cache, PhoneAligner(), people, limit=1))
    assert (first.name, first.reference[0, 0, 0]) == ("book-1", 3)


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UserError, match="apt-get is missing"):
        fetch(tmp_path)


def test_a_failed_download_says_why_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(command: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 100, "", "W: slow\nE: Unable to locate package")

    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(UserError, match="apt-get download .* failed: E: Unable to locate package"):
        fetch(tmp_path)
    assert not list(tmp_path.iterdir())


def test_packages_that_are_there_are_not_fetched_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", lambda *_: pytest.fail("nothing to download"))
    fetch(cache)
    assert len(speeches(cache)) == 4


def test_a_reading_is_the_reader_from_the_beginning(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_: pytest.fail("nothing to download"))
    first = next(s for s in speeches(cache) if s.name == "book-1")
    whole, short = recordings.reading(cache, 1000), recordings.reading(cache, 1.5)
    assert len(short) == round(1.5 * SAMPLE_RATE)
    assert whole[: len(short)].tolist() == short.tolist() == read(first)[: len(short)].tolist()
    assert len(whole) > 1.5 * len(read(first))
