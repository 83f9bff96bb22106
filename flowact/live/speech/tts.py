"""Text to speech for the page: whichever engines this machine has, with their licences.

Every engine runs outside this process: flite and espeak-ng as programs, the wheel of espeak-ng in
a helper process, because its library keeps its state in globals; an endpoint over the network.
"""

from __future__ import annotations

import asyncio
import io
import logging
import multiprocessing
import re
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from flowact.datagen.voice.speech import voice
from flowact.errors import UserError
from flowact.live.speech.openai_client import OpenAIClient
from flowact.timebase import SAMPLE_RATE

_log = logging.getLogger(__name__)

Signal = NDArray[np.float32]
SPEAKING_SECONDS: Final = 30.0
_SENTENCE: Final = re.compile(r"[^.!?;:\n]+[.!?;:\n]*")
_LONGEST_SENTENCE: Final = 220


class TTSEngine(Protocol):
    """Speaks one sentence at a time."""

    @property
    def name(self) -> str:
        """What the page calls it, like `flite:slt`."""

    @property
    def licence(self) -> str:
        """Of the engine and its voice."""

    async def speak(self, sentence: str) -> Signal:
        """Return mono samples at 16 kHz.

        Raises:
            UserError: the engine could not.
        """


@dataclass(frozen=True)
class LocalTTS:
    """A voice of `flowact.datagen.voice.speech`, spoken in a helper process.

    Attributes:
        name: `flite:...` or `espeak:...`.
        licence: of the engine and the voice.
        helper: where it runs; one process for all visitors, started when it is first needed.
    """

    name: str
    licence: str
    helper: ProcessPoolExecutor = field(repr=False)

    async def speak(self, sentence: str) -> Signal:
        """Speak in the helper; a text that takes longer than half a minute is given up."""
        loop = asyncio.get_running_loop()
        try:
            work = loop.run_in_executor(self.helper, _speak_locally, self.name, sentence)
            return await asyncio.wait_for(work, SPEAKING_SECONDS)
        except TimeoutError as error:
            raise UserError(f"The voice {self.name} took too long over that text.") from error


@dataclass(frozen=True)
class ProgramTTS:
    """The program espeak-ng, where its library has no wheel."""

    variant: str
    licence: str = "eSpeak NG, GPL-3.0-or-later, runs as a program of its own"

    @property
    def name(self) -> str:
        """`espeak:` and the variant."""
        return f"espeak:{self.variant}"

    async def speak(self, sentence: str) -> Signal:
        """Run the program on one sentence and resample what it gives."""
        process = await asyncio.create_subprocess_exec(
            *("espeak-ng", "--stdout", "-v", self.variant, "--stdin"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            data, _ = await asyncio.wait_for(process.communicate(sentence.encode()), 30)
        except TimeoutError as error:
            process.kill()
            raise UserError("The voice took too long over that text.") from error
        return decode_sound(data)


@dataclass(frozen=True)
class RemoteTTS:
    """The speech model of an OpenAI-compatible server."""

    client: OpenAIClient
    licence: str = "spoken by the configured endpoint; its terms apply"

    @property
    def name(self) -> str:
        """The endpoint's model and voice."""
        return f"endpoint:{self.client.endpoint.speech_voice}"

    async def speak(self, sentence: str) -> Signal:
        """Ask the server for a sentence."""
        return decode_sound(await self.client.speak(sentence))


def make_helper() -> ProcessPoolExecutor:
    """Return the helper process of all local voices; it starts when it is first needed."""
    spawn = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, spawn, initializer=_leave_interrupts_to_the_server)


def _leave_interrupts_to_the_server() -> None:
    """Ctrl-C reaches every process of a terminal; the server ends the helper when it is done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def find_engines(client: OpenAIClient, helper: ProcessPoolExecutor) -> dict[str, TTSEngine]:
    """Return the voices of this machine by name, the best first; there may be none."""
    found: list[TTSEngine] = []
    if client.endpoint.configured and client.endpoint.speech_model:
        found.append(RemoteTTS(client))
    if shutil.which("flite"):
        licence = "Festival Lite and its voice slt, free for any use (BSD-like)"
        found += [LocalTTS(f"flite:{name}", licence, helper) for name in ("slt", "rms")]
    if shutil.which("espeak-ng"):
        found += [ProgramTTS(variant) for variant in ("en-us+f3", "en-us+m3")]
    elif find_spec("espeakng_loader") is not None:
        licence = "eSpeak NG, GPL-3.0-or-later, runs in a process of its own"
        names = ("espeak:en-us+f4", "espeak:en-us+m3")
        found += [LocalTTS(name, licence, helper) for name in names]
    return {engine.name: engine for engine in found}


async def warm_up(engines: Mapping[str, TTSEngine]) -> None:
    """Let a local voice say a word that nobody hears, so that the first visitor need not wait."""
    for engine in engines.values():
        if isinstance(engine, LocalTTS):
            try:
                await engine.speak("Hello.")
            except UserError as error:  # whoever asks for it will be told
                _log.warning("the voice %s cannot be warmed up: %s", engine.name, error)
            return


def sentences(text: str) -> list[str]:
    """Cut a text where a speaker breathes; no piece is longer than 220 characters."""
    segments: list[str] = []
    for match in _SENTENCE.finditer(text):
        rest = match.group().strip()
        while len(rest) > _LONGEST_SENTENCE:
            cut = rest.rfind(" ", 0, _LONGEST_SENTENCE)
            cut = cut if cut > 0 else _LONGEST_SENTENCE
            segments.append(rest[:cut].strip())
            rest = rest[cut:].strip()
        if re.search(r"\w", rest):
            segments.append(rest)
    return segments


async def speak_text(engine: TTSEngine, text: str) -> AsyncIterator[Signal]:
    """Yield the sound of a text sentence by sentence: the first is heard while others are made."""
    for sentence in sentences(text):
        yield normalised(await engine.speak(sentence))


def normalised(samples: Signal, peak: float = 0.5) -> Signal:
    """Bring every voice to the same peak, which the model was trained at about."""
    loudest = float(np.abs(samples).max(initial=0))
    return samples * np.float32(peak / loudest) if loudest > 1e-4 else samples


def decode_sound(data: bytes) -> Signal:
    """Decode a sound file in memory to mono at 16 kHz.

    Raises:
        UserError: it cannot be decoded.
    """
    try:
        with av.open(io.BytesIO(data), "r") as container:
            resampler = av.AudioResampler("flt", "mono", SAMPLE_RATE)
            frames = [*container.decode(audio=0), None]
            segments = [
                made.to_ndarray()[0] for frame in frames for made in resampler.resample(frame)
            ]
    except (av.FFmpegError, IndexError) as error:
        raise UserError("The voice gave something that is not sound.") from error
    return np.concatenate(segments) if segments else np.zeros(0, np.float32)


def _speak_locally(name: str, sentence: str) -> Signal:
    return voice(name).speak(sentence).audio
