"""Voices of eSpeak NG through its C library, which reports the start of every phone it speaks."""

import ctypes
import ctypes.util
import threading
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from flowact.errors import UserError
from flowact.synthesis.phonemes import PAUSE, Phoneme, arpabet_from_ipa
from flowact.synthesis.speech import Utterance
from flowact.timebase import SAMPLE_RATE

# Values of the enumerations in espeak-ng/speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PHONEME_EVENTS_IN_IPA = 0x3
_EVENT_LIST_END = 0
_EVENT_PHONEME = 7
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1
_WORDS_PER_MINUTE = 165

_VOICELESS_STOPS = frozenset({"p", "t", "k", "ch"})
_STOP_GAP_SECONDS = 0.045
"""eSpeak reports these at the burst; the mouth has been closed for this long by then (measured)."""


class _EventId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Library:
    """The loaded library. It keeps its state in globals, so one lock guards every use of it."""

    def __init__(self) -> None:
        path, data = _locate()
        self._library = ctypes.CDLL(path)
        self.rate: int = self._library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, 0, data, _PHONEME_EVENTS_IN_IPA
        )
        if self.rate <= 0:
            raise UserError("eSpeak NG found no voices; install the Debian package espeak-ng-data.")
        self._lock = threading.Lock()
        self._samples: list[bytes] = []
        self._onsets: list[tuple[str, float]] = []
        self._callback = _Callback(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def has_voice(self, variant: str) -> bool:
        """Whether the library knows this voice; selects it as well."""
        with self._lock:
            return bool(self._library.espeak_SetVoiceByName(variant.encode()) == 0)

    def speak(self, variant: str, text: str, tempo: float) -> tuple[bytes, list[tuple[str, float]]]:
        """Int16 samples at `rate` and (IPA, onset in seconds) of every phone."""
        encoded = text.encode()
        with self._lock:
            self._samples, self._onsets = [], []
            self._library.espeak_SetVoiceByName(variant.encode())
            self._library.espeak_SetParameter(_PARAMETER_RATE, round(_WORDS_PER_MINUTE * tempo), 0)
            self._library.espeak_Synth(
                *(encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
            )
            self._library.espeak_Synchronize()
            return b"".join(self._samples), self._onsets

    def _receive(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._samples.append(ctypes.string_at(samples, 2 * count))
        position = 0
        while events[position].type != _EVENT_LIST_END:
            event = events[position]
            if event.type == _EVENT_PHONEME:
                label = event.id.string.decode(errors="ignore")
                self._onsets.append((label, event.sample / self.rate))
            position += 1
        return 0


def _locate() -> tuple[str, bytes | None]:
    """Library file and data folder: those of the wheel espeakng-loader, else the system's."""
    try:
        import espeakng_loader
    except ImportError:
        system = ctypes.util.find_library("espeak-ng")
        if system is None:
            raise UserError(
                "eSpeak NG is missing; install the Debian package espeak-ng "
                "or the Python package espeakng-loader."
            ) from None
        return system, None
    return espeakng_loader.get_library_path(), espeakng_loader.get_data_path().encode()


_library = cache(_Library)


@dataclass(frozen=True)
class EspeakVoice:
    """A voice such as `en-us` or, with a speaker variant, `en-us+f3`.

    Raises ValueError for an unknown voice and UserError when the library is missing.
    """

    variant: str

    def __post_init__(self) -> None:
        if not _library().has_voice(self.variant):
            raise ValueError(f"unknown eSpeak voice {self.variant!r}; expected one like 'en-us+f3'")

    @property
    def name(self) -> str:
        """`espeak:` and the variant."""
        return f"espeak:{self.variant}"

    def speak(self, text: str, tempo: float = 1.0) -> Utterance:
        """Speak `text` as 16 kHz audio with the phone times that the library reports."""
        library = _library()
        samples, onsets = library.speak(self.variant, text, tempo)
        audio = np.frombuffer(samples, np.int16).astype(np.float32) / 32768
        seconds = len(audio) / library.rate
        resampled = resample_poly(audio, SAMPLE_RATE, library.rate).astype(np.float32)
        return Utterance(resampled, tuple(_phonemes(onsets, seconds)))


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
