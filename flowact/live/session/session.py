"""Mode `agent`: one viewer's session. What they ask for goes to the worker, what it makes goes to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flowact import assets
from flowact.conditioning.actions import resolve
from flowact.errors import UserError
from flowact.live.access.rate_limit import SOUND_AT_ONCE, SOUND_PER_SECOND, TokenBucket
from flowact.live.access.uploads import Uploads
from flowact.live.dialogue.dialogue import Dialogue
from flowact.live.dialogue.dialogue_context import DialogueContext
from flowact.live.dialogue.kept_dialogue import KeptDialogue, Mode
from flowact.live.observation.events import LiveEvent, ViewerLag
from flowact.live.observation.session_watch import SessionWatch
from flowact.live.persona import NOBODY, Persona
from flowact.live.protocol import events
from flowact.live.protocol.parsing import check_sound
from flowact.live.protocol.problem import ApiError, check_voice
from flowact.live.session.packetizer import Packetizer
from flowact.live.session.recorder import Recorder
from flowact.live.session.send_queue import SendQueue
from flowact.live.session.spoken_items import SpokenItems
from flowact.live.speech.services import SpeechServices
from flowact.media import Recording
from flowact.planner import Observation, Planner, RuleBasedPlanner
from flowact.serving.messages import (
    Close,
    Codec,
    Command,
    KeyFrame,
    MediaSegment,
    PendingSound,
    Puppet,
    SetAction,
)
from flowact.timebase import SAMPLE_RATE

PLAN_SECONDS: Final = 0.2
PACKET_BYTES: Final = 1_280
"""40 ms: longer sound is heard in so many steps."""
_BYTES_PER_SECOND: Final = 2 * SAMPLE_RATE
STARTED_AGAIN: Final = "The generator stopped and was started again; go on."


@dataclass(frozen=True)
class SessionServices:
    """What all sessions share and one needs.

    Attributes:
        send: passes a command to the worker.
        uploads: sounds and pictures of the visitors.
        speech: voices, recogniser and language model.
        tell: passes on what operators are to know.
    """

    send: Callable[[Command], None]
    uploads: Uploads
    speech: SpeechServices
    tell: Callable[[LiveEvent], None]


class ViewerSession:
    """A session and its viewer, who may lose the connection and come back.

    Attributes:
        name: of the session, the same at the worker.
        visitor: subject of the visitor's ticket, whose uploads may be used.
        codec: of the frames.
        send_queue: what waits to be sent.
        recorder: the last minutes.
        watch: what operators see of it.
        left: when the connection was lost, in seconds of a monotonic clock.
        heard: greatest number of an event that was heard.

    Args:
        name, visitor: see above.
        services: worker, voices and uploads.
        planner: chooses actions.
        persona: who the avatar is in a conversation.
        voice: name of the voice; empty for the person's own.
        language: ISO 639-1 code that the viewer speaks; empty to find out.
        codec: of the frames.
        recast: whether `session.update` may change who the avatar is.
    """

    def __init__(
        self,
        name: str,
        visitor: str,
        services: SessionServices,
        planner: Planner | None = None,
        persona: Persona = NOBODY,
        voice: str = "",
        language: str = "",
        codec: Codec = "h264",
        *,
        recast: bool = False,
    ) -> None:
        self.name, self.visitor, self.codec = name, visitor, codec
        self._services, self._planner = services, planner or RuleBasedPlanner()
        self.send_queue, self.recorder = SendQueue(), Recorder()
        self.watch = SessionWatch(services.tell)
        self._sound = TokenBucket(SOUND_PER_SECOND, SOUND_AT_ONCE)
        self._packetizer = Packetizer(self.send_queue)
        self.left: float | None = None
        self.heard = 0
        self._began = time.monotonic()
        self._card, self._voice, self._language = persona, voice, language
        self._recast = recast
        self._items = SpokenItems(self.tell)
        self._dialogue = Dialogue(services.speech, self._dialogue_context(), persona)
        self._dialogue.choose(voice, language)
        self._ticker = asyncio.create_task(self._plan_forever())

    @property
    def epoch(self) -> int:
        """Number of the newest utterance or interruption."""
        return self._dialogue.mouth.epoch

    @property
    def mode(self) -> Mode:
        """What the microphone is for."""
        return self._dialogue.mode

    def tell(self, event: events.ServerEvent) -> None:
        """Queue an event for the viewer."""
        self.send_queue.put_text(event.model_dump_json())

    def welcome(self, picture: NDArray[np.uint8]) -> None:
        """Show the portrait, uint8 `[480, 480, 3]`, until the model has made the first frame."""
        self._packetizer.portrait(picture)

    def send_segment(self, segment: MediaSegment) -> None:
        """Send a segment, keep what is sent for the recording, and take note of what was spoken."""
        if not self._dialogue.mouth.wants(segment):
            return
        self._planner.hear("avatar", np.frombuffer(segment.sound, "<i2"))
        if self.left is None and not self._packetizer.send(segment):
            self._command(KeyFrame(self.name))
        if self.left is None and not self.send_queue.stuck:
            self.recorder.keep(segment)
        else:
            self.recorder.leave_out()
        self.watch.sent(segment, self.send_queue.dropped)
        self._dialogue.shown(segment)
        self._items.sent(segment)

    def reconnect(self) -> None:
        """Begin again with a fresh send queue: the viewer has a new connection."""
        self.left = None
        self.send_queue = SendQueue()
        self._packetizer = Packetizer(self.send_queue)
        self._command(KeyFrame(self.name))

    def restarted(self) -> None:
        """The worker was replaced: what was being said goes on where it stopped, and so does a puppet."""
        self._packetizer.new_stream()
        self._dialogue.restarted()
        self.tell(events.NoticeEvent(message=STARTED_AGAIN))

    def kept(self, on_their_way: int | None = None) -> dict[str, Any]:
        """Return what another server has to know of the viewer's side, as plain JSON.

        Args:
            on_their_way: samples that the worker takes along and still speaks, if it goes there too.
        """
        dialogue = asdict(self._dialogue.kept(on_their_way))
        return {"offset": self._packetizer.offset, "heard": self.heard, "dialogue": dialogue}

    def go_on(self, kept: Mapping[str, Any], epoch: int, source: PendingSound) -> None:
        """Be the session that another server had, whose worker goes on with `source`."""
        self._packetizer.offset, self.heard = int(kept["offset"]), int(kept["heard"])
        dialogue = KeptDialogue(**kept["dialogue"])
        self._voice, self._language = dialogue.voice, dialogue.language
        speaks = source.kind == "reply" and bool(source.sound)
        if speaks:
            self._items.go_on(epoch)
        self._dialogue.go_on(dialogue, epoch, worker_speaks=speaks)
        if dialogue.mode == "puppet" and source.kind != "microphone":
            self._command(Puppet(self.name, epoch))

    def close(self) -> None:
        """End the session everywhere and delete what belongs to it."""
        self._ticker.cancel()
        self._planner.close()
        self._dialogue.close()
        self._command(Close(self.name))
        self.recorder.clear()
        self._services.uploads.discard(self.visitor)
        self.send_queue.close()

    def handle_event(self, event: events.ClientEvent) -> None:
        """Do what the viewer asks.

        Raises:
            UserError: it cannot be done.
        """
        match event:
            case events.ActionSet(text=text):
                self._observe(asked=text)
            case events.MediaKey():
                self._command(KeyFrame(self.name))
            case events.PingEvent(at=at, lag_ms=lag):
                if lag is not None:
                    self._services.tell(ViewerLag(lag / 1e3))
                self.tell(events.PongEvent(at=at, server_ms=time.time() * 1e3, heard=self.heard))
            case events.SessionUpdate():
                self._update(event)
            case _:
                self._talk(event)
                self._observe()  # what was said before may be over

    def _talk(self, event: events.ClientEvent) -> None:
        dialogue = self._dialogue
        match event:
            case events.TextSay(text=text, voice=voice):
                dialogue.say_text(text, voice)
            case events.TextAsk(text=text):
                dialogue.ask(text)
            case events.SoundPlay(sound_id=sound_id):
                upload = sound_id.rpartition(".")[2]
                dialogue.play(self._services.uploads.recording(self.visitor, upload))
            case events.SamplePlay(name=name):
                dialogue.play(Recording.open(sample(name)))
            case events.AudioClear():
                dialogue.interrupt()
            case events.MicrophoneSet(mode=mode):
                dialogue.set_microphone(mode)
            case _:
                raise ApiError(
                    "wrong_mode",
                    f"{event.type} is for sessions of mode avatar; this one has mode agent.",
                )

    def _update(self, event: events.SessionUpdate) -> None:
        check_voice(event.voice, self._services.speech.engines)
        if event.persona is not None and not self._recast:
            raise ApiError("persona_fixed", "Only a program's session takes another persona.")
        if event.voice is not None:
            self._voice = event.voice
        if event.language is not None:
            self._language = event.language
        if event.persona is not None:
            self._dialogue.become(event.persona or self._card.description)
        self._dialogue.choose(self._voice, self._language)
        self.tell(events.SessionUpdated(voice=self._voice, language=self._language))

    def hear_bytes(self, sound: bytes) -> None:
        """Take microphone sound, 16-bit mono at 16 kHz.

        Raises:
            ApiError: half a sample, more than a message holds, or more than anybody speaks.
        """
        check_sound(sound)
        if not self._sound.take(len(sound) / _BYTES_PER_SECOND):
            raise ApiError(
                "rate_limited", "The sound comes too fast; send it as it is spoken.", retryable=True
            )
        for start in range(0, len(sound), PACKET_BYTES):
            packet = sound[start : start + PACKET_BYTES]
            if self.mode != "off":
                self._planner.hear("viewer", np.frombuffer(packet, "<i2"))
            self._dialogue.hear(packet)

    def _dialogue_context(self) -> DialogueContext:
        return DialogueContext(
            session=self.name,
            command=self._command,
            tell=self._items.tell,
            flush=lambda: self.send_queue.flush(),  # the queue of the connection that there is then
            act=lambda behaviour: self._observe(asked=behaviour, by="the language model"),
            begun=lambda: self._observe(),
            expected=self.watch.expect,
        )

    async def _plan_forever(self) -> None:
        while True:
            await asyncio.sleep(PLAN_SECONDS)
            self._observe()

    def _observe(self, asked: str = "", by: str = "you") -> None:
        dialogue = self._dialogue
        speaks = dialogue.mouth.speaks
        decision = self._planner.observe(
            Observation(
                at=time.monotonic() - self._began,
                viewer_speaking=dialogue.viewer_speaks,
                avatar_speaking=speaks,
                text=dialogue.clause,
                reply=dialogue.mouth.epoch,
                viewer_text=dialogue.question,
                reply_expected=dialogue.answering and not speaks,
                asked=asked.replace("_", " "),
                asked_by=by,
            )
        )
        if asked and by == "you":
            self.tell(events.NoticeEvent(message=resolve(asked).message))
        if decision is not None:
            self._command(SetAction(self.name, decision.phrase))
            at = round(decision.at, 3)
            self.tell(events.ActionChanged(behaviour=decision.behaviour, why=decision.why, at=at))

    def _command(self, command: Command) -> None:
        self._services.send(command)


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
