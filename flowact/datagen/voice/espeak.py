"""Voices of eSpeak NG, which reports the start of every phone it speaks."""

import ctypes.util
import json
import subprocess
import sys
from dataclasses import dataclass
from functools import cache

import numpy as np

from flowact.datagen.voice import espeak_process
from flowact.datagen.voice.languages import ENGLISH
from flowact.datagen.voice.phonemes import PAUSE, Phoneme, arpabet_from_ipa
from flowact.datagen.voice.resampling import to_sample_rate
from flowact.datagen.voice.utterance import Utterance
from flowact.errors import UserError

_WORDS_PER_MINUTE = 165
_TIMEOUT_SECONDS = 60

_VOICELESS_STOPS = frozenset({"p", "t", "k", "ch"})
_STOP_GAP_SECONDS = 0.045
"""eSpeak reports these at the burst; the mouth has been closed for this long by then (measured)."""


@cache
def _locate() -> tuple[str, str]:
    """Library file and data folder: those of the wheel espeakng-loader, else the system's ("")."""
    try:
        import espeakng_loader
    except ImportError:
        system = ctypes.util.find_library("espeak-ng")
        if system is None:
            raise UserError(
                "eSpeak NG is missing; install the Debian package espeak-ng "
                "or the Python package espeakng-loader."
            ) from None
        return system, ""
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path()


@dataclass(frozen=True)
class EspeakVoice:
    """A voice such as `en-us` or, with a speaker variant, `en-us+f3`.

    Raises ValueError for an unknown voice and UserError when the library is missing.
    """

    variant: str

    def __post_init__(self) -> None:
        self._run("", 1.0)

    @property
    def name(self) -> str:
        """`espeak:` and the variant."""
        return f"espeak:{self.variant}"

    @property
    def language(self) -> str:
        """English, in whatever accent."""
        return ENGLISH

    def speak(self, text: str, tempo: float = 1.0) -> Utterance:
        """Speak `text` as 16 kHz audio with the phone times that the library reports.

        The same text and tempo give the same samples each time.
        """
        header, _, samples = self._run(text, tempo).partition(b"\n")
        spoken = json.loads(header)
        audio = np.frombuffer(samples, np.int16).astype(np.float32) / 32768
        resampled = to_sample_rate(audio, spoken["rate"])
        return Utterance(resampled, tuple(_phonemes(spoken["onsets"], len(audio) / spoken["rate"])))

    def _run(self, text: str, tempo: float) -> bytes:
        command = [sys.executable, "-I", "-S", espeak_process.__file__, *_locate()]
        command += [self.variant, str(round(_WORDS_PER_MINUTE * tempo))]
        done = subprocess.run(  # noqa: S603 - no shell; the text goes through a pipe
            command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_SECONDS, check=False
        )
        if done.returncode == espeak_process.UNKNOWN_VOICE:
            raise ValueError(f"unknown eSpeak voice {self.variant!r}; expected one like 'en-us+f3'")
        if done.returncode == espeak_process.NO_DATA:
            raise UserError("eSpeak NG found no voices; install the Debian package espeak-ng-data.")
        if done.returncode:
            raise UserError(f"eSpeak NG could not speak {text!r}: {done.stderr.decode().strip()}")
        return done.stdout


def _phonemes(onsets: list[tuple[str, float]], seconds: float) -> list[Phoneme]:
    """Give each phone the time up to the next onset; a label of several phones is shared evenly."""
    phonemes: list[Phoneme] = []
    labels = [arpabet_from_ipa(ipa) for ipa, _ in onsets]
    starts = _closed_earlier([label[0] for label in labels], [onset for _, onset in onsets])
    if starts and starts[0] > 0:
        phonemes.append(Phoneme(PAUSE, 0.0, starts[0]))
    for label, start, end in zip(labels, starts, [*starts[1:], seconds], strict=True):
        edges = np.linspace(start, max(start, end), len(label) + 1).tolist()
        phonemes += map(Phoneme, label, edges[:-1], edges[1:])
    return [p for p in phonemes if p.end > p.start]


def _closed_earlier(labels: list[str], onsets: list[float]) -> list[float]:
    """Onsets with those of voiceless stops moved to the closure, at most half the phone before."""
    earlier = list(onsets)
    for index, label in enumerate(labels):
        if label in _VOICELESS_STOPS:
            before = onsets[index - 1] if index else 0.0
            earlier[index] -= min(_STOP_GAP_SECONDS, (onsets[index] - before) / 2)
    return earlier
