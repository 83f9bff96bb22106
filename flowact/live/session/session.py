"""One visitor's session: what they ask for goes to the worker, what it makes goes to them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flowact import assets
from flowact.avatar.speech_feeder import Signal, SpeechFeeder, in_thread
from flowact.conditioning.actions import resolve
from flowact.errors import UserError
from flowact.live.access.uploads import Uploads
from flowact.live.protocol import requests
from flowact.live.session.conversation import Conversation
from flowact.live.session.packetizer import Packetizer
from flowact.live.session.recorder import Recorder
from flowact.live.session.send_queue import SendQueue
from flowact.live.speech.openai_client import OpenAIClient
from flowact.live.speech.tts import TTSEngine, speak_text
from flowact.logs import raised_at
from flowact.media import Recording
from flowact.planner import Observation, Planner, RuleBasedPlanner
from flowact.serving.audio_source import from_pcm16
from flowact.serving.messages import (
    Close,
    Command,
    Interrupt,
    KeyFrame,
    MediaSegment,
    Puppet,
    PushAudio,
    SetAction,
)

_log = logging.getLogger(__name__)

PLAN_SECONDS: Final = 0.2
MOST_DECISIONS: Final = 500
LONGEST_PACKET: Final = 6_400
"""Bytes of one microphone packet: 0.2 s."""


@dataclass(frozen=True)
class SessionServices:
    """What all sessions share and one needs.

    Attributes:
        send: passes a command to the worker.
        uploads: sounds and pictures of the visitors.
        engines: voices by name.
        client: the language model's.
    """

    send: Callable[[Command], None]
    uploads: Uploads
    engines: Mapping[str, TTSEngine]
    client: OpenAIClient


class ViewerSession:
    """A session and its viewer, who may lose the connection and come back.

    Attributes:
        name: of the session, the same at the worker.
        visitor: subject of the visitor's ticket, whose uploads may be used.
        send_queue: what waits to be sent.
        recorder: the last minutes.
        left: when the connection was lost, in seconds of a monotonic clock.
        decisions: what the planner chose, newest last.
        mode: what the microphone is for, as `requests.SetMicrophone` names it.

    Args:
        name, visitor: see above.
        services: worker, voices and uploads.
        planner: chooses actions.
    """

    def __init__(
        self, name: str, visitor: str, services: SessionServices, planner: Planner | None = None
    ) -> None:
        self.name, self.visitor = name, visitor
        self._services, self._planner = services, planner or RuleBasedPlanner()
        self.send_queue, self.recorder = SendQueue(), Recorder()
        self._packetizer = Packetizer(self.send_queue)
        self.decisions: deque[dict[str, object]] = deque(maxlen=MOST_DECISIONS)
        self.epoch = self._oldest_epoch = 0
        self.left: float | None = None
        self._began = time.monotonic()
        self._speaking: asyncio.Task[None] | None = None
        self._speech_feeder: SpeechFeeder | None = None
        self._text, self._avatar_speaks = "", False
        self.mode = "off"
        self._conversation = Conversation(services.client)
        self._ticker = asyncio.create_task(self._plan_forever())

    def send_event(self, kind: str, **content: object) -> None:
        """Queue a text message for the viewer."""
        self.send_queue.put_text(json.dumps({"type": kind, **content}))

    def welcome(self, picture: NDArray[np.uint8]) -> None:
        """Show the portrait, uint8 `[480, 480, 3]`, until the model has made the first frame."""
        self._packetizer.portrait(picture)

    def send_segment(self, segment: MediaSegment) -> None:
        """Send a segment, keep it for the recording, and take note of what was spoken."""
        if segment.epoch < self._oldest_epoch:
            return  # made before the viewer interrupted: nobody wants it any more
        self.recorder.keep(segment)
        self._planner.hear("avatar", np.frombuffer(segment.sound, "<i2"))
        if self.left is None and not self._packetizer.send(segment):
            self._command(KeyFrame(self.name))
        if self._speech_feeder is not None and segment.epoch == self._speech_feeder.epoch:
            self._speech_feeder.spoken(segment)
        self._avatar_speaks = segment.speaking and not segment.finished
        if segment.finished:
            self._text = ""
            self.send_event("finished", epoch=segment.epoch)

    def reconnect(self) -> None:
        """Begin again with a fresh send queue: the viewer has a new connection."""
        self.left = None
        self.send_queue = SendQueue()
        self._packetizer = Packetizer(self.send_queue)
        self._command(KeyFrame(self.name))

    def restarted(self) -> None:
        """The worker was replaced: whatever was being said is lost; a puppet goes on."""
        self._stop_speaking()
        self._packetizer.new_stream()
        if self.mode == "puppet":
            self._command(Puppet(self.name, self.epoch))
        self.send_event("notice", text="The generator stopped and was started again; go on.")

    def close(self) -> None:
        """End the session everywhere and delete what belongs to it."""
        self._ticker.cancel()
        self._planner.close()
        self._stop_speaking()
        self._conversation.close()
        self._command(Close(self.name))
        self.recorder.clear()
        self._services.uploads.discard(self.visitor)
        self.send_queue.close()

    def handle(self, request: requests.Request) -> None:
        """Do what the viewer asks.

        Raises:
            UserError: it cannot be done.
        """
        match request:
            case requests.SayText(text=text, voice=voice):
                self._say_text(text, voice)
            case requests.PlayUpload(upload=upload):
                self._play(self._services.uploads.recording(self.visitor, upload))
            case requests.PlaySample(name=name):
                self._play(Recording.open(sample(name)))
            case requests.Act(text=text):
                self._observe(asked=text)
            case requests.StopSpeaking():
                self.interrupt()
            case requests.SetMicrophone(mode=mode):
                self._microphone(mode)
            case requests.WantKey():
                self._command(KeyFrame(self.name))
            case requests.Ping(at=at):
                self.send_event("pong", at=at, server_ms=time.time() * 1e3)
            case _:
                raise UserError("The session has begun already.")

    def hear(self, packet: bytes) -> None:
        """Take microphone sound, 16-bit mono at 16 kHz.

        Raises:
            UserError: a packet longer than 0.2 s.
        """
        if len(packet) > LONGEST_PACKET or len(packet) % 2:
            raise UserError("The page sent microphone sound of a wrong size.")
        if self.mode == "off":
            return
        self._planner.hear("viewer", np.frombuffer(packet, "<i2"))
        if self.mode == "puppet":  # nobody answers: whether this is speech does not matter
            self._command(PushAudio(self.name, packet, time.time()))
            return
        heard = self._conversation.hear(from_pcm16(packet), packet)
        if heard.speech_started:
            self.send_event("viewer", speaking=True)
            if self._avatar_speaks or self._busy:
                self.interrupt()
        if heard.speech_ended:
            self.send_event("viewer", speaking=False)
            self._start(self._answer())

    def interrupt(self) -> None:
        """Be silent now: nothing of what was said before is sent any more."""
        self._stop_speaking()
        self._flush()
        self._end_puppet(STOPPED)

    @property
    def _busy(self) -> bool:
        return self._speaking is not None and not self._speaking.done()

    def _say_text(self, text: str, voice: str) -> None:
        engines = self._services.engines
        if not text.strip():
            raise UserError("There is nothing to say in that text.")
        if not engines:
            raise UserError(
                "This machine has no voice; install flite or espeak-ng, or upload a recording."
            )
        engine = engines.get(voice) or next(iter(engines.values()))
        self._text = text
        self._start(self._speak(speak_text(engine, text), "voice"))

    def _play(self, recording: Recording) -> None:
        self._text = ""
        self._start(self._speak(in_thread(recording.blocks()), "recording"))

    async def _answer(self) -> None:
        """Answer what the viewer has just said, as far as a language model is configured."""
        engines = self._services.engines
        said, answer = await self._conversation.reply()
        self.send_event("heard", text=said)
        self._text = answer
        self.send_event("reply", text=answer)
        if not engines:
            raise UserError("This machine has no voice; the answer can only be read.")
        await self._speak(speak_text(next(iter(engines.values())), answer), "voice")

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Say something new; whatever is being said gives way."""
        self._end_puppet(GIVES_WAY)
        if self._avatar_speaks or self._busy:
            self.interrupt()
        self._speaking = asyncio.create_task(self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except UserError as error:
            _log.info("session %s: nothing was said: %s", self.name, raised_at(error))
            self._text = ""
            self.send_event("error", text=str(error))

    async def _speak(self, sounds: AsyncIterator[Signal], source: str) -> None:
        """Feed sound under an epoch of its own; the first segment starts it."""
        asked = time.monotonic()
        first = await anext(sounds, None)
        if first is None:
            raise UserError("There is nothing to say in that.")
        self.epoch += 1
        took = round((time.monotonic() - asked) * 1e3) if source == "voice" else 0
        self.send_event("epoch", epoch=self.epoch, flush=False, source=source, voice_ms=took)
        self._avatar_speaks = True
        self._observe()
        self._speech_feeder = SpeechFeeder(self.name, self.epoch, self._command)
        await self._speech_feeder.feed(_chained(first, sounds))

    def _stop_speaking(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
        self._speaking = self._speech_feeder = None
        self._text, self._avatar_speaks = "", False

    def _microphone(self, mode: str) -> None:
        if mode == "conversation" and not self._services.client.endpoint.configured:
            self.send_event("notice", text=NO_ENDPOINT)
        was, self.mode = self.mode, mode
        if mode == "puppet":
            self._stop_speaking()
            self.epoch += 1
            self.send_event("epoch", epoch=self.epoch, flush=False, source="microphone")
            self._command(Puppet(self.name, self.epoch))
        elif was == "puppet":
            self._flush()
        self.send_event("microphone", mode=mode)

    def _end_puppet(self, why: str) -> None:
        if self.mode == "puppet":
            self.mode = "off"
            self.send_event("microphone", mode="off", why=why)

    def _flush(self) -> None:
        """Begin an epoch at once, in silence; what was made before is not shown any more."""
        self.epoch += 1
        self._oldest_epoch = self.epoch
        self.send_queue.flush()
        self._command(Interrupt(self.name, self.epoch))
        self.send_event("epoch", epoch=self.epoch, flush=True)

    async def _plan_forever(self) -> None:
        while True:
            await asyncio.sleep(PLAN_SECONDS)
            self._observe()

    def _observe(self, asked: str = "") -> None:
        listening = self.mode == "conversation" and self._conversation.activity.speaking
        decision = self._planner.observe(
            Observation(
                at=time.monotonic() - self._began,
                viewer_speaking=listening,
                avatar_speaking=self._avatar_speaks,
                text=self._text,
                reply_expected=self._busy and not self._avatar_speaks,
                asked=asked,
            )
        )
        if asked:
            self.send_event("notice", text=resolve(asked).message)
        if decision is not None:
            self._command(SetAction(self.name, decision.phrase))
            shown = {"at": decision.at, "behaviour": decision.behaviour, "why": decision.why}
            self.decisions.append(shown)
            self.send_event("plan", **shown)

    def _command(self, command: Command) -> None:
        self._services.send(command)


STOPPED: Final = "You stopped the puppet, so the microphone is off."
GIVES_WAY: Final = "The avatar says something else now, so the microphone is off."
NO_ENDPOINT: Final = (
    "No language model is configured, so the avatar listens but cannot answer: set "
    "FLOWACT_OPENAI_BASE_URL (and FLOWACT_OPENAI_API_KEY). Puppet, text and upload work without."
)


def sample(name: str) -> Path:
    """Return the path of a sample recording.

    Raises:
        UserError: there is none of that name.
    """
    known = sample_names()
    if name not in known:
        raise UserError(f"There is no sample {name!r}; known are {', '.join(known)}.")
    return assets.folder() / "speech" / f"{name}.wav"


def sample_names() -> list[str]:
    """Return the names of the recordings that come with FlowAct."""
    return sorted(path.stem for path in (assets.folder() / "speech").glob("*.wav"))


async def _chained(first: Signal, rest: AsyncIterator[Signal]) -> AsyncIterator[Signal]:
    yield first
    async for sound in rest:
        yield sound
