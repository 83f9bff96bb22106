"""When each phone of a real recording sounds, and how far a mouth that says it would open.

Forced alignment of an English transcript with CMU PocketSphinx and the acoustic model in its wheel.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from flowact.datagen.appearance.body import Body, Humanoid, Identity
from flowact.datagen.performance.animation import loudness
from flowact.datagen.voice.phonemes import PAUSE, Phoneme
from flowact.datagen.voice.visemes import mouth_curves
from flowact.errors import UserError
from flowact.timebase import FRAMES_PER_LATENT, SAMPLE_RATE, SAMPLES_PER_FRAME

Samples = NDArray[np.float32]

_FRAMES_PER_SECOND = 100  # of PocketSphinx
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_PADDING_SECONDS = 0.3  # around the recording: without it the last word can be lost
_FILLER_MARKS = "<[+"  # begin words such as <sil> and [NOISE]
# A search through the lattice afterwards may leave out words of a transcript that is known.
_SEARCH = {"beam": 1e-80, "pbeam": 1e-80, "wbeam": 1e-60, "bestpath": False, "fwdflat": False}
_SCHWA_SECONDS = 0.07
_SILENT_SECONDS = 0.15
_SILENT_SHARE = 0.04
_LOUD_SHARE = 0.3
_UNEXPLAINED_SECONDS = 0.3


class AlignmentError(ValueError):
    """The transcript has words that the dictionary lacks, or is not what is said."""


def spoken_words(text: str) -> list[str]:
    """Lower-case words of a transcript, numbers up to ten spelled out, notes in brackets left out."""
    bare = re.sub(r"\[.*?\]|\(.*?\)|<.*?>", " ", text.lower())
    words = re.findall(r"[a-z']+|\d+", bare)
    small = {str(n): word for n, word in enumerate(_NUMBERS)}
    return [small.get(word, word.strip("'")) for word in words if word.strip("'")]


class PhoneAligner:
    """Finds the phones of a transcript in 16 kHz sound. Keep one: loading takes a second.

    Raises UserError when PocketSphinx is not installed.
    """

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError:
            raise UserError(
                "Aligning recordings needs the Python package pocketsphinx; "
                "`make test` installs everything."
            ) from None
        self._decoder = Decoder(lm=None, loglevel="FATAL", **_SEARCH)

    def align(self, samples: Samples, text: str) -> tuple[Phoneme, ...]:
        """Phones of `text` spoken in `samples` [n], with pauses, in order, times in seconds.

        Raises AlignmentError for unknown words and for a transcript that is not what is said, or not
        all of it.
        """
        words = spoken_words(text)
        unknown = [word for word in words if self._decoder.lookup_word(word) is None]
        if unknown or not words:
            raise AlignmentError(f"cannot align {text!r}: no word, or unknown words {unknown}")
        try:
            self._decoder.set_align_text(" ".join(words))
            self._decode(samples)
            self._decoder.set_alignment()
            self._decode(samples)
            # The decoder's entries die with its iterator, so what they hold is copied at once.
            aligned = [
                (word.name.partition("(")[0], [_phoneme(p.name, p.start, p.duration) for p in word])
                for word in self._decoder.get_alignment()
            ]
        except (RuntimeError, TypeError) as error:
            raise AlignmentError(f"{text!r} is not what the recording says") from error
        if [word for word, _ in aligned if word and word[0] not in _FILLER_MARKS] != words:
            raise AlignmentError(f"{text!r} is not what the recording says")
        seconds = len(samples) / SAMPLE_RATE
        phonemes = _unpadded([phoneme for _, phones in aligned for phoneme in phones], seconds)
        spoken = tuple(cut_silence(list(phonemes), samples))
        if unexplained_seconds(spoken, samples) > _UNEXPLAINED_SECONDS:
            raise AlignmentError(f"{text!r} is not all that the recording holds")
        return spoken

    def _decode(self, samples: Samples) -> None:
        padded = np.pad(samples, round(_PADDING_SECONDS * SAMPLE_RATE))
        pcm = np.round(padded.clip(-1, 1) * 32767).astype(np.int16).tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()


def _phoneme(name: str, start: int, frames: int) -> Phoneme:
    """One aligned phone in lower-case ARPAbet; fillers are pauses, a short AH is a schwa."""
    label = PAUSE if name == "SIL" or not name.isalpha() else name.lower()
    if label == "ah" and frames < _SCHWA_SECONDS * _FRAMES_PER_SECOND:
        label = "ax"
    return Phoneme(label, start / _FRAMES_PER_SECOND, (start + frames) / _FRAMES_PER_SECOND)


def _unpadded(phonemes: list[Phoneme], seconds: float) -> Iterator[Phoneme]:
    """Phones in the time of the recording, which the decoder hears with silence around it."""
    for label, start, end in phonemes:
        first, last = (min(max(t - _PADDING_SECONDS, 0.0), seconds) for t in (start, end))
        if last > first:
            yield Phoneme(label, first, last)


def cut_silence(phonemes: list[Phoneme], samples: Samples) -> list[Phoneme]:
    """Phones ended where they fall silent: the aligner likes to stretch a last stop over a pause.

    A phone keeps its sound up to the last moment above 4 % of the speech's level; if at least
    0.15 s of silence follow within it, they become a pause.
    """
    level = _level(samples)
    cut: list[Phoneme] = []
    for label, start, end in phonemes:
        part = level[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
        loud = np.flatnonzero(part > _SILENT_SHARE)
        sounded = start + (loud[-1] + 1) / SAMPLE_RATE if len(loud) else start
        if label == PAUSE or end - sounded < _SILENT_SECONDS or sounded - start < 0.02:
            cut.append(Phoneme(label, start, end))
        else:
            cut += [Phoneme(label, start, sounded), Phoneme(PAUSE, sounded, end)]
    return cut


def unexplained_seconds(phonemes: Iterable[Phoneme], samples: Samples) -> float:
    """Time that is as loud as speech and yet a pause: words or tones beyond the transcript."""
    level = _level(samples)
    pauses = (
        level[round(s * SAMPLE_RATE) : round(e * SAMPLE_RATE)]
        for label, s, e in phonemes
        if label == PAUSE
    )
    return float(sum(np.count_nonzero(p > _LOUD_SHARE) for p in pauses)) / SAMPLE_RATE


def _level(samples: Samples) -> NDArray[np.float64]:
    """Loudness of every sample [n] over 20 ms; 1 is the level of the recording's vowels."""
    power = uniform_filter1d(np.square(samples.astype(np.float64)), SAMPLE_RATE // 50)
    level = np.sqrt(np.maximum(power, 0))  # a running sum can round to less than nothing
    return np.asarray(level / max(float(np.percentile(level, 90)), 1e-9))


def whole_latents(samples: Samples) -> Samples:
    """The sound followed by silence up to a whole number of latents."""
    step = SAMPLES_PER_FRAME * FRAMES_PER_LATENT
    return np.pad(samples, (0, -len(samples) % step))


@cache
def _average_body() -> Body:
    return Humanoid.load().shape(Identity(0.5))


def expected_opening(phonemes: tuple[Phoneme, ...], samples: Samples) -> NDArray[np.float32]:
    """Lip gap over mouth width [frames] of an average person who says this, 0 when shut.

    `samples` must fill whole frames. The curves are those that rendered people talk with, and the
    gap is measured on the same mesh.
    """
    level = loudness(samples)
    curves = mouth_curves(phonemes, len(level), level)
    body = _average_body()
    still = Body.rest_pose()
    gaps = [body.opening(body.pose(curve, still)) if curve.any() else 0.0 for curve in curves]
    return np.asarray(gaps, np.float32)
