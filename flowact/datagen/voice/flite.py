"""Voices of the program `flite` (Festival Lite), which prints the end of every phone it speaks."""

import io
import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flowact.datagen.voice.languages import ENGLISH
from flowact.datagen.voice.phonemes import Phoneme
from flowact.datagen.voice.utterance import Signal, Utterance
from flowact.errors import UserError
from flowact.timebase import SAMPLE_RATE

_VOICES = ("slt", "rms", "awb", "kal16")
_TIMEOUT_SECONDS = 60


def is_installed() -> bool:
    """Whether the program can be started."""
    return shutil.which("flite") is not None


@dataclass(frozen=True)
class FliteVoice:
    """One of the 16 kHz voices slt (woman), rms, awb and kal16 (men), all freely licensed.

    Raises ValueError for another voice and UserError when flite is not installed.
    """

    variant: str

    def __post_init__(self) -> None:
        if self.variant not in _VOICES:
            raise ValueError(f"unknown flite voice {self.variant!r}; expected one of {_VOICES}")
        if not is_installed():
            raise UserError(
                f"The voice flite:{self.variant} needs the program flite; "
                "install the Debian package flite."
            )

    @property
    def name(self) -> str:
        """`flite:` and the variant."""
        return f"flite:{self.variant}"

    @property
    def language(self) -> str:
        """English, in whatever accent."""
        return ENGLISH

    def speak(self, text: str, tempo: float = 1.0) -> Utterance:
        """Speak `text` as 16 kHz audio with phone times exact to a millisecond."""
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "speech.wav"
            command = ["flite", "-voice", self.variant, "-psdur"]
            command += ["--setf", f"duration_stretch={1 / tempo:.4f}"]
            command += ["-t", text, "-o", str(target)]
            done = subprocess.run(  # noqa: S603 - no shell; the text is one argument
                command, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False
            )
            if done.returncode or not target.exists():
                raise UserError(f"flite could not speak {text!r}: {done.stderr.strip()}")
            audio = _read_wave(target.read_bytes())
        return Utterance(audio, tuple(_phonemes(done.stdout, len(audio) / SAMPLE_RATE)))


def _read_wave(data: bytes) -> Signal:
    with wave.open(io.BytesIO(data)) as file:
        if file.getframerate() != SAMPLE_RATE:
            raise ValueError(f"flite gave {file.getframerate()} Hz; expected {SAMPLE_RATE}")
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return samples.astype(np.float32) / np.float32(32768)


def _phonemes(printed: str, seconds: float) -> list[Phoneme]:
    """Phones from flite's `label:end label:end ...`; some voices name a longer last pause."""
    phonemes: list[Phoneme] = []
    start = 0.0
    for pair in printed.split():
        label, _, end = pair.rpartition(":")
        phonemes.append(Phoneme(label, start, min(float(end), seconds)))
        start = float(end)
    return [p for p in phonemes if p.end > p.start]
