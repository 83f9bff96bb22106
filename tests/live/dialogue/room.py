"""A dialogue without a page and without a model: real ears, services over a real connection, a mouth that counts."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import numpy as np

from flowact.live.dialogue.dialogue import Dialogue
from flowact.live.dialogue.dialogue_context import DialogueContext
from flowact.live.dialogue.kept_dialogue import KeptDialogue
from flowact.live.protocol.events import ServerEvent
from flowact.live.speech.services import SpeechRoom, SpeechServices
from flowact.media import Recording
from flowact.serving.audio_source import Reply, from_pcm16, to_pcm16
from flowact.serving.messages import Interrupt, MediaSegment, Say, Timings
from flowact.timebase import LATENTS_PER_CHUNK, SAMPLES_PER_LATENT

SPOKEN = Path(__file__).parents[3] / "assets" / "speech" / "welcome.wav"
PACKET = 1280
Event = TypeVar("Event", bound=ServerEvent)
TIMES = Timings(0, 0, 0, 0, 0, 0, 0)


class Beeps:
    """A voice that gives a tone of a third of a second for each word."""

    name = title = "beeps"
    licence = ""
    scripts = frozenset({"LATIN"})

    async def speak(self, clause: str) -> AsyncGenerator[np.ndarray, None]:
        for _ in clause.split():
            yield np.full(5_333, 0.3, np.float32)


class Room:
    """The dialogue, and both ends of it: a viewer who speaks, and a worker that speaks what it is told."""

    def __init__(self, services: SpeechServices, **options: object) -> None:
        self.events: list[ServerEvent] = []
        self.acted: list[str] = []
        self.expected: list[bool] = []
        self._source: Reply | None = None
        self._epoch = self._index = 0
        self.now = 0.0
        around = DialogueContext(
            session="room",
            command=self._command,
            tell=self.events.append,
            flush=lambda: None,
            act=self.acted.append,
            begun=lambda: None,
            expected=lambda *, reply: self.expected.append(reply),
            now=lambda: self.now,
        )
        self._make = lambda: Dialogue(services, around, **options)
        self.dialogue = self._make()

    def elsewhere(self) -> KeptDialogue:
        """Let another server have the dialogue: a new one, and a worker that is silent; return what was kept."""
        kept = KeptDialogue(**json.loads(json.dumps(asdict(self.dialogue.kept()))))
        self.dialogue.close()
        self._source, self.dialogue = None, self._make()
        return kept

    def _command(self, command) -> None:
        match command:
            case Say(epoch=epoch, sound=sound, final=final):
                if self._source is None or epoch != self._epoch:
                    self._source, self._epoch = Reply(), epoch
                self._source.extend(from_pcm16(sound), final)
            case Interrupt(epoch=epoch):
                self._source, self._epoch = None, epoch

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    async def speak(self, *seconds: float, patient: bool = True) -> None:
        """Speak and be silent in turn, in real packets but faster than real time.

        Whoever is patient waits for what is written down in a pause, as if the service took no time.
        """
        voice = Recording.open(SPOKEN).read()
        parts, at = [], 0
        for number, length in enumerate(seconds):
            count = int(length * 16_000)
            parts.append(np.zeros(count, np.float32) if number % 2 else voice[at : at + count])
            at += 0 if number % 2 else count
        pcm = to_pcm16(np.concatenate(parts))
        for start in range(0, len(pcm), PACKET):
            self.dialogue.hear(pcm[start : start + PACKET])
            early = self.dialogue._listener._early
            await asyncio.wait({early}) if early and patient else await asyncio.sleep(0.001)

    async def until(self, condition) -> None:
        async with asyncio.timeout(30):
            while not condition():
                await asyncio.sleep(0.005)

    async def play(self, seconds: float = 60.0) -> float:
        """Let the worker speak for so long, or until it has finished; return the seconds of speech."""
        spoken = 0
        for _ in range(int(seconds / 0.48)):
            if self._source is None:
                return spoken * 0.16
            chunk = self._source.take(LATENTS_PER_CHUNK)
            for part in range(LATENTS_PER_CHUNK):
                over = chunk.finished and part == LATENTS_PER_CHUNK - 1
                sound = to_pcm16(chunk.sound[part * SAMPLES_PER_LATENT :][:SAMPLES_PER_LATENT])
                self.dialogue.shown(
                    MediaSegment(
                        *("room", self._epoch, self._index, (), sound, True, chunk.pending),
                        *(over, False, TIMES, None),
                    )
                )
                self._index, spoken = self._index + 1, spoken + 1
                self.now += 0.16
            if chunk.finished:
                self._source = None
            await asyncio.sleep(0.005)
        return spoken * 0.16


@contextlib.asynccontextmanager
async def room(endpoints, engines=None, **options: object):
    """A room whose services are closed at the end."""
    speech = SpeechRoom(endpoints)
    services = speech.services
    if engines is None:
        engines = {"beeps": Beeps()}
    made = Room(SpeechServices(engines, services.chat, services.recogniser, endpoints), **options)
    try:
        yield made
    finally:
        made.dialogue.close()
        await speech.close()
