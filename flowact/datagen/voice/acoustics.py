"""Other speakers, rooms and microphones: seeded changes that make synthetic speech diverse."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from flowact.datagen.voice.phonemes import Phoneme
from flowact.datagen.voice.utterance import Signal, Utterance
from flowact.timebase import SAMPLE_RATE


def change_register(utterance: Utterance, factor: float) -> Utterance:
    """Play speech `factor` times as fast: pitch and formants rise together, phone times shrink.

    The sound of another throat: a factor above 1 is a smaller speaker.
    """
    ratio = Fraction(1 / factor).limit_denominator(100)
    audio = resample_poly(utterance.audio, ratio.numerator, ratio.denominator)
    scale = float(ratio)
    phonemes = (Phoneme(p.label, p.start * scale, p.end * scale) for p in utterance.phonemes)
    return Utterance(audio.astype(np.float32), tuple(phonemes))


def to_level(audio: Signal, decibels: float) -> Signal:
    """Scale so that the loudest fifth of the signal has this level (dB below full scale).

    Digital silence stays as it is. The result is limited to [-1, 1].
    """
    power = np.convolve(np.square(audio), np.full(400, 1 / 400), mode="same")
    loud = float(np.sqrt(np.percentile(power, 80))) if len(audio) else 0.0
    if loud < 1e-6:
        return audio
    scaled = np.clip(audio * (10 ** (decibels / 20) / loud), -1, 1)
    return np.asarray(scaled, np.float32)


@dataclass(frozen=True)
class Channel:
    """Room and microphone between speaker and recording.

    `band` lower and upper cut-off in Hz; `tilt` dB per octave above 1 kHz; `reverb_seconds` decay
    time and `reverb_level` share of the echo; `level` of speech and `noise_level` of the room in
    dB of full scale (None: digital silence); `noise_colour` 0 white, 1 pink, 2 brown;
    `bumps` per second of short noises that are not speech.
    """

    band: tuple[float, float] = (40.0, 7800.0)
    tilt: float = 0.0
    reverb_seconds: float = 0.0
    reverb_level: float = 0.0
    level: float = -20.0
    noise_level: float | None = None
    noise_colour: float = 1.0
    bumps: float = 0.0

    def record(self, audio: Signal, rng: np.random.Generator) -> Signal:
        """What the microphone hears of `audio` [samples]; same length, within [-1, 1]."""
        room = self.reverb_level * self._echo(audio, rng) if self.reverb_level > 0 else 0
        heard = to_level(self._equalise(audio + room), self.level)
        if self.noise_level is not None:
            noise = coloured_noise(rng, len(audio), self.noise_colour)
            heard = heard + to_level(noise, self.noise_level)
        if self.bumps > 0:
            heard = heard + bumps(rng, len(audio), self.bumps)
        return np.clip(heard, -1, 1).astype(np.float32)

    def _equalise(self, audio: Signal) -> Signal:
        sections = butter(2, self.band, "bandpass", fs=SAMPLE_RATE, output="sos")
        low = sosfilt(sections, audio)
        if self.tilt:
            bright = sosfilt(butter(1, 1000.0, "highpass", fs=SAMPLE_RATE, output="sos"), low)
            low = low + (10 ** (self.tilt / 10) - 1) * bright
        return np.asarray(low, np.float32)

    def _echo(self, audio: Signal, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        time = np.arange(round(self.reverb_seconds * SAMPLE_RATE)) / SAMPLE_RATE
        response = rng.standard_normal(len(time)) * np.exp(-6.9 * time / self.reverb_seconds)
        response[: round(0.004 * SAMPLE_RATE)] = 0
        response /= np.linalg.norm(response)
        return np.asarray(fftconvolve(audio, response)[: len(audio)])


def coloured_noise(rng: np.random.Generator, samples: int, colour: float) -> Signal:
    """Noise of unit variance whose power falls with frequency to the power `colour`."""
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.maximum(frequency, 30.0) ** (colour / 2)
    noise = np.fft.irfft(spectrum, samples)
    return (noise / max(float(noise.std()), 1e-12)).astype(np.float32)


def bumps(rng: np.random.Generator, samples: int, rate: float) -> Signal:
    """Knocks, clicks and rustles at random times, `rate` per second, as float32 [samples]."""
    sound = np.zeros(samples, np.float32)
    for start in rng.integers(0, samples, rng.poisson(rate * samples / SAMPLE_RATE)):
        length = int(rng.uniform(0.02, 0.5) * SAMPLE_RATE)
        burst = coloured_noise(rng, length, rng.uniform(0, 2))
        burst *= np.exp(-np.linspace(0, rng.uniform(3, 8), length)).astype(np.float32)
        stop = min(samples, start + length)
        sound[start:stop] += 10 ** rng.uniform(-2.2, -1.1) * burst[: stop - start]
    return sound


def random_channel(rng: np.random.Generator) -> Channel:
    """A plausible recording: mostly clean, at times a phone line, an echoing or noisy room."""
    band = (40.0, 7800.0)
    if rng.random() < 0.25:
        band = (float(rng.uniform(60, 300)), float(rng.uniform(3300, 7500)))
    echoes = rng.random() < 0.35
    return Channel(
        band=band,
        tilt=float(rng.uniform(-2.5, 2.5)),
        reverb_seconds=float(rng.uniform(0.1, 0.6)) if echoes else 0.0,
        reverb_level=float(rng.uniform(0.05, 0.35)) if echoes else 0.0,
        level=float(rng.uniform(-32, -17)),
        noise_level=float(rng.uniform(-75, -42)) if rng.random() < 0.65 else None,
        noise_colour=float(rng.uniform(0, 2)),
        bumps=float(rng.uniform(0.1, 0.5)) if rng.random() < 0.2 else 0.0,
    )
