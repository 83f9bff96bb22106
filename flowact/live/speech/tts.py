"""Text to speech: the voices that this machine has, with their licences.

Every engine runs outside this process: flite and espeak-ng as programs, the wheel of espeak-ng in
a helper process, because its library keeps its state in globals; an endpoint over the network.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Final, Protocol

from flowact.datagen.voice.speech import voice
from flowact.errors import UserError
from flowact.live.speech.clauses import cut
from flowact.live.speech.endpoint_client import EndpointClient
from flowact.live.speech.helper import HelperProcess
from flowact.live.speech.piper import PiperTTS
from flowact.live.speech.sound import Level, Signal, decode_sound, decode_stream, normalised
from flowact.live.speech.writing import LANGUAGES, LATIN, called, script

_log = logging.getLogger(__name__)

SPEAKING_SECONDS: Final = 30.0
_LATIN: Final = frozenset({LATIN})
_ALL: Final = frozenset(LANGUAGES) | _LATIN
_ESPEAK: Final = _ALL - {"HIRAGANA", "KATAKANA"}
"""eSpeak spells what is not kana in a Japanese text."""
_ESPEAK_LICENCE: Final = "eSpeak NG, GPL-3.0-or-later, runs as a program of its own"


class TTSEngine(Protocol):
    """Speaks one clause at a time."""

    @property
    def name(self) -> str:
        """What requests call it, like `flite:slt`."""

    @property
    def title(self) -> str:
        """What people call it."""

    @property
    def licence(self) -> str:
        """Of the engine and its voice."""

    @property
    def scripts(self) -> frozenset[str]:
        """What it can read, as `writing.script` names it."""

    def speak(self, clause: str) -> AsyncGenerator[Signal, None]:
        """Yield mono samples at 16 kHz as they are made.

        Raises:
            UserError: the engine could not.
        """


@dataclass(frozen=True)
class LocalTTS:
    """A voice of `flowact.datagen.voice.speech`, spoken in a helper process.

    Attributes:
        name: `flite:...` or `espeak:...`.
        title, licence, scripts: see `TTSEngine`.
        helper: where it runs; one process for all visitors.
    """

    name: str
    title: str
    licence: str
    scripts: frozenset[str]
    helper: HelperProcess = field(repr=False)

    async def speak(self, clause: str) -> AsyncGenerator[Signal, None]:
        """Speak in the helper, in the language of the clause's script."""
        name = for_script(self.name, script(clause))
        yield normalised(await self.helper.run(speak_locally, name, clause))


@dataclass(frozen=True)
class ProgramTTS:
    """The program espeak-ng, where its library has no wheel."""

    variant: str
    title: str
    licence: str = _ESPEAK_LICENCE
    scripts: frozenset[str] = _ESPEAK

    @property
    def name(self) -> str:
        """`espeak:` and the variant."""
        return f"espeak:{self.variant}"

    async def speak(self, clause: str) -> AsyncGenerator[Signal, None]:
        """Run the program on one clause and resample what it gives."""
        variant = for_script(self.name, script(clause)).partition(":")[2]
        process = await asyncio.create_subprocess_exec(
            *("espeak-ng", "--stdout", "-v", variant, "--stdin"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            communicating = process.communicate(clause.encode())
            data, _ = await asyncio.wait_for(communicating, SPEAKING_SECONDS)
        except TimeoutError as error:
            process.kill()
            raise UserError("The voice took too long over that text.") from error
        yield normalised(decode_sound(data))


@dataclass(frozen=True)
class RemoteTTS:
    """The speech model of an OpenAI-compatible server; it reads every script, as far as we know."""

    client: EndpointClient
    voice: str
    title: str = "Remote"
    licence: str = "spoken by the configured endpoint; its terms apply"
    scripts: frozenset[str] = _ALL

    @property
    def name(self) -> str:
        """The endpoint's voice."""
        return f"endpoint:{self.voice}"

    async def speak(self, clause: str) -> AsyncGenerator[Signal, None]:
        """Ask the server for a clause and pass its sound on while it comes."""
        body = {
            "model": self.client.endpoint.model,
            "voice": self.voice,
            "input": clause,
            "response_format": "wav",
        }
        level = Level()
        async with self.client.post("audio/speech", json=body) as answer:
            async for block in decode_stream(answer.aiter_bytes()):
                if len(block):
                    yield level.apply(block)


def find_engines(
    client: EndpointClient,
    voice_name: str,
    helper: HelperProcess,
    brought: Sequence[TTSEngine] = (),
) -> dict[str, TTSEngine]:
    """Return the voices of this machine by name, the best first; there may be none.

    Args:
        client: of the server that speaks, if there is one.
        voice_name: the server's voice, or a voice of this machine that goes before all others.
        helper: where voices speak that are libraries.
        brought: voices that the owner has added; they come after flite's.
    """
    found: list[TTSEngine] = []
    if client.endpoint.configured:
        found.append(RemoteTTS(client, voice_name))
    if shutil.which("flite"):
        licence = "Festival Lite and its voices, free for any use (BSD-like)"
        titles = {"slt": "Ada (English)", "rms": "Ben (English)", "awb": "Rob (Scottish English)"}
        for name, title in titles.items():
            found.append(LocalTTS(f"flite:{name}", title, licence, _LATIN, helper))
    found += brought
    if shutil.which("espeak-ng"):
        variants = (("en-us+f3", "Eve (ten languages)"), ("en-us+m3", "Max (ten languages)"))
        found += [ProgramTTS(variant, title) for variant, title in variants]
    elif find_spec("espeakng_loader") is not None:
        voices = (
            ("espeak:en-us+f4", "Eve (ten languages)"),
            ("espeak:en-us+m3", "Max (ten languages)"),
        )
        found += [LocalTTS(name, title, _ESPEAK_LICENCE, _ESPEAK, helper) for name, title in voices]
    found.sort(key=lambda engine: engine.name != voice_name)
    return {engine.name: engine for engine in found}


def reader(engines: Mapping[str, TTSEngine], wanted: str, text: str) -> TTSEngine:
    """Return the wanted voice, or another one if it cannot read the text's script.

    A name may leave the engine out: `slt` is the first voice called that.

    Raises:
        UserError: no voice can.
    """
    if not engines:
        raise UserError(
            "This machine has no voice; install flite or espeak-ng, or upload a recording."
        )
    written = script(text)
    called_so = [each for name, each in engines.items() if wanted in (name, name.partition(":")[2])]
    chosen = next(iter(called_so or engines.values()))
    able = [engine for engine in (chosen, *engines.values()) if written in engine.scripts]
    if not able:
        raise UserError(
            f"No voice on this machine reads {called(written)}; write in Latin letters, or choose "
            "another voice."
        )
    return able[0]


async def speak_text(
    engines: Mapping[str, TTSEngine], wanted: str, text: str
) -> AsyncGenerator[Signal, None]:
    """Yield the sound of a text clause by clause: the first is heard while others are made.

    Raises:
        UserError: a voice failed, or there was a clause that none can read; the others were spoken.
    """
    unread: UserError | None = None
    for clause in cut(text):
        try:
            engine = reader(engines, wanted, clause)
        except UserError as error:
            unread = unread or error
            continue
        async for sound in engine.speak(clause):
            yield sound
    if unread is not None:
        raise unread


async def warm_up(engines: Mapping[str, TTSEngine]) -> None:
    """Let a local voice say a word that nobody hears, so that the first visitor need not wait."""
    for engine in engines.values():
        if isinstance(engine, LocalTTS | PiperTTS):
            try:
                async for _ in engine.speak("Hello."):
                    pass
            except UserError as error:  # whoever asks for it will be told
                _log.warning("the voice %s cannot be warmed up: %s", engine.name, error)
            return


def for_script(name: str, written: str) -> str:
    """Return eSpeak's voice of a name in the language that a script needs."""
    engine, _, variant = name.partition(":")
    if engine != "espeak" or written not in LANGUAGES:
        return name
    language, _ = LANGUAGES[written]
    return f"espeak:{language}+{variant.partition('+')[2]}"


def speak_locally(name: str, clause: str) -> Signal:
    """Speak in this process, mono at 16 kHz."""
    return voice(name).speak(clause).audio
