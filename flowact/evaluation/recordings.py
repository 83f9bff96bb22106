"""Real people's voices to measure on, taken from Debian packages; none is kept in this repository.

| speaker | package | licence |
|---|---|---|
| Allison Smith, telephone prompts, 16 kHz | asterisk-core-sounds-en-g722 | CC-BY-SA 3.0 |
| a LibriVox reader of "Sense and Sensibility", 16 kHz | pocketsphinx-testdata | public domain |
"""

import gzip
import logging
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.performance.performance import quiet_frames
from flowact.datagen.voice.phonemes import viseme_of
from flowact.errors import UserError
from flowact.evaluation.judges.alignment import (
    AlignmentError,
    PhoneAligner,
    expected_opening,
    spoken_words,
    whole_latents,
)
from flowact.evaluation.subjects import Subject
from flowact.timebase import SAMPLE_RATE

_log = logging.getLogger(__name__)

PACKAGES = ("asterisk-core-sounds-en-g722", "asterisk-core-sounds-en", "pocketsphinx-testdata")
_PROMPTS = Path("usr/share/asterisk/sounds/en_US_f_Allison")
_PROMPT_TEXTS = Path("usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_READINGS = Path("usr/share/pocketsphinx/test/data/librivox")


@dataclass(frozen=True)
class Speech:
    """A recording of a real person: a name, the speaker, the file and the words that are said."""

    name: str
    speaker: str
    path: Path
    text: str


def fetch(cache: Path, packages: Sequence[str] = PACKAGES) -> None:
    """Download and unpack packages into `cache`, unless they are there.

    Raises UserError when Debian's tools are missing or the download fails.
    """
    if all((cache / package).is_dir() for package in packages):
        return
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise UserError(
                f"Real recordings come from Debian packages and {program} is missing; unpack "
                f"{', '.join(packages)} into {cache}, each in a folder of its name."
            )
    cache.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if not (cache / package).is_dir():
            _fetch(package, cache)


def _fetch(package: str, cache: Path) -> None:
    """Unpack one package; its folder appears whole or not at all."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        work = Path(folder)
        _call("apt-get", "download", package, cwd=work)
        (archive,) = work.glob("*.deb")
        _call("dpkg-deb", "--extract", archive.name, "unpacked", cwd=work)
        (work / "unpacked").rename(cache / package)


def _call(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"`{' '.join(command)}` failed: {reason} (`apt-get update` may help)")


def speeches(cache: Path, words: int = 8) -> list[Speech]:
    """All recordings in `cache` of at least `words` words, sorted by name.

    Raises UserError when the cache does not hold the packages.
    """
    missing = [package for package in PACKAGES if not (cache / package).is_dir()]
    if missing:
        raise UserError(f"{cache} lacks {', '.join(missing)}; fetch the recordings first.")
    found = [*_prompts(cache), *_readings(cache)]
    long_enough = (s for s in found if len(spoken_words(s.text)) >= words)
    return sorted(long_enough, key=lambda speech: speech.name)


def _prompts(cache: Path) -> Iterator[Speech]:
    """Asterisk's prompts, listed as `name: text`."""
    texts = gzip.decompress((cache / PACKAGES[1] / _PROMPT_TEXTS).read_bytes()).decode()
    for line in texts.splitlines():
        name, colon, text = line.partition(":")
        path = cache / PACKAGES[0] / _PROMPTS / f"{name.strip()}.g722"
        if colon and path.is_file():
            yield Speech(name.strip().replace("/", "-"), "Allison Smith", path, text.strip())


def _readings(cache: Path) -> Iterator[Speech]:
    """Sphinx's transcriptions, listed as `<s> text </s> (name)`."""
    folder = cache / PACKAGES[2] / _READINGS
    for line in (folder / "transcription").read_text().splitlines():
        match = re.fullmatch(r"<s>(.*)</s>\s*\((.+)\)\s*", line)
        if match:
            name = match[2]
            yield Speech(name, "LibriVox reader", folder / f"{name}.wav", match[1].strip())


def read(speech: Speech) -> NDArray[np.float32]:
    """The sound of a recording, float32 [samples] at 16 kHz; G.722 and WAV are both 16-bit here."""
    with av.open(str(speech.path)) as container:
        rate = container.streams.audio[0].rate
        if rate != SAMPLE_RATE:
            raise ValueError(f"{speech.path.name} has {rate} Hz; expected {SAMPLE_RATE}")
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return np.concatenate(frames).astype(np.float32) / np.float32(32768)


def reading(cache: Path, seconds: float) -> NDArray[np.float32]:
    """The beginning of what the LibriVox reader reads, float32 `[samples]` at 16 kHz; fetched if need be.

    Raises UserError when it cannot be fetched.
    """
    fetch(cache, PACKAGES[2:])
    pieces = [read(speech) for speech in _readings(cache)]
    return np.concatenate(pieces)[: round(seconds * SAMPLE_RATE)]


def real_subjects(
    cache: Path,
    aligner: PhoneAligner,
    portraits: Sequence[NDArray[np.uint8]],
    limit: int | None = None,
) -> Iterator[Subject]:
    """The recordings as subjects of `flowact eval`, said by the people of the portraits in turn.

    Their truth is what the phones that were aligned to the sound would do to an average mouth.
    Recordings whose transcript cannot be aligned are left out.

    Args:
        cache: folder of `fetch`.
        aligner: of phones to sound.
        portraits: uint8 [480, 480, 3] each.
        limit: make so many, of all speakers in turn; None for all.
    """
    made = 0
    for speech in _by_turns(speeches(cache)):
        if made == limit:
            return
        try:
            yield _subject(speech, aligner, portraits[made % len(portraits)])
        except AlignmentError as error:
            _log.info("a recording is left out: %s", error)
            continue
        made += 1


def _by_turns(found: list[Speech]) -> list[Speech]:
    """One recording of each speaker after the other, so that the first few are of all."""
    seen: Counter[str] = Counter()
    turns = []
    for speech in found:
        turns.append((seen[speech.speaker], speech))
        seen[speech.speaker] += 1
    return [speech for _, speech in sorted(turns, key=lambda turn: turn[0])]


def _subject(speech: Speech, aligner: PhoneAligner, portrait: NDArray[np.uint8]) -> Subject:
    samples = whole_latents(read(speech))
    phonemes = aligner.align(samples, speech.text)
    opening = expected_opening(phonemes, samples)
    closures = tuple((p.start, p.end) for p in phonemes if viseme_of(p.label) == "PP")
    silent = quiet_frames(phonemes, len(opening))
    return Subject(speech.name, portrait, samples, opening, silent, closures)
