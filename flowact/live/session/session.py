"""One visitor's session: what they ask for goes to the worker, what it makes goes to them."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flowact import assets
from flowact.conditioning.actions import resolve
from flowact.errors import UserError
from flowact.live.access.uploads import Uploads
from flowact.live.dialogue.dialogue import Dialogue
from flowact.live.dialogue.dialogue_context import DialogueContext
from flowact.live.dialogue.kept_dialogue import KeptDialogue, Mode
from flowact.live.observation.events import LiveEvent, ViewerLag
from flowact.live.observation.session_watch import SessionWatch
from flowact.live.persona import NOBODY, Persona
from flowact.live.protocol import requests
from flowact.live.session.packetizer import Packetizer
from flowact.live.session.recorder import Recorder
from flowact.live.session.send_queue import SendQueue
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
        decisions: what the planner chose, newest last.

    Args:
        name, visitor: see above.
        services: worker, voices and uploads.
        planner: chooses actions.
        persona: who the avatar is in a conversation.
        codec: of the frames.
    """

    def __init__(
        self,
        name: str,
        visitor: str,
        services: SessionServices,
        planner: Planner | None = None,
        persona: Persona = NOBODY,
        codec: Codec = "h264",
    ) -> None:
        self.name, self.visitor, self.codec = name, visitor, codec
        self._services, self._planner = services, planner or RuleBasedPlanner()
        self.send_queue, self.recorder = SendQueue(), Recorder()
        self.watch = SessionWatch(services.tell)
        self._packetizer = Packetizer(self.send_queue)
        self.decisions: deque[dict[str, object]] = deque(maxlen=MOST_DECISIONS)
        self.left: float | None = None
        self._began = time.monotonic()
        self._dialogue = Dialogue(services.speech, self._dialogue_context(), persona)
        self._ticker = asyncio.create_task(self._plan_forever())

    @property
    def epoch(self) -> int:
        """Number of the newest utterance or interruption."""
        return self._dialogue.mouth.epoch

    @property
    def mode(self) -> Mode:
        """What the microphone is for."""
        return self._dialogue.mode

    def send_event(self, kind: str, **content: object) -> None:
        """Queue a text message for the viewer."""
        self.send_queue.put_text(json.dumps({"type": kind, **content}))

    def welcome(self, picture: NDArray[np.uint8]) -> None:
        """Show the portrait, uint8 `[480, 480, 3]`, until the model has made the first frame."""
        self._packetizer.portrait(picture)

    def send_segment(self, segment: MediaSegment) -> None:
        """Send a segment, keep it for the recording, and take note of what was spoken."""
        if not self._dialogue.mouth.wants(segment):
            return
        self.recorder.keep(segment)
        self._planner.hear("avatar", np.frombuffer(segment.sound, "<i2"))
        if self.left is None and not self._packetizer.send(segment):
            self._command(KeyFrame(self.name))
        self.watch.sent(segment, self.send_queue.dropped)
        self._dialogue.shown(segment)
        if segment.finished:
            self.send_event("finished", epoch=segment.epoch)

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
        self.send_event("notice", text="The generator stopped and was started again; go on.")

    def kept(self, on_their_way: int | None = None) -> dict[str, Any]:
        """Return what another server has to know of the viewer's side, as plain JSON.

        Args:
            on_their_way: samples that the worker takes along and still speaks, if it goes there too.
        """
        dialogue = asdict(self._dialogue.kept(on_their_way))
        return {"offset": self._packetizer.offset, "dialogue": dialogue}

    def go_on(self, kept: Mapping[str, Any], epoch: int, source: PendingSound) -> None:
        """Be the session that another server had, whose worker goes on with `source`."""
        self._packetizer.offset = int(kept["offset"])
        dialogue = KeptDialogue(**kept["dialogue"])
        speaks = source.kind == "reply" and bool(source.sound)
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

    def handle(self, request: requests.Request) -> None:
        """Do what the viewer asks.

        Raises:
            UserError: it cannot be done.
        """
        match request:
            case requests.Act(text=text):
                self._observe(asked=text)
            case requests.WantKey():
                self._command(KeyFrame(self.name))
            case requests.Ping(at=at, lag_ms=lag):
                if lag is not None:
                    self._services.tell(ViewerLag(lag / 1e3))
                self.send_event("pong", at=at, server_ms=time.time() * 1e3)
            case requests.Hello() | requests.Bye():
                raise UserError("The session has begun already.")
            case _:
                self._talk(request)
                self._observe()  # what was said before may be over

    def _talk(self, request: requests.Request) -> None:
        dialogue = self._dialogue
        match request:
            case requests.SayText(text=text, voice=voice):
                dialogue.say_text(text, voice)
            case requests.Ask(text=text):
                dialogue.ask(text)
            case requests.PlayUpload(upload=upload):
                dialogue.play(self._services.uploads.recording(self.visitor, upload))
            case requests.PlaySample(name=name):
                dialogue.play(Recording.open(sample(name)))
            case requests.StopSpeaking():
                dialogue.interrupt()
            case requests.SetMicrophone(mode=mode):
                dialogue.set_microphone(mode)
            case requests.SetVoice(voice=voice, language=language):
                dialogue.choose(voice, language)

    def hear(self, packet: bytes) -> None:
        """Take microphone sound, 16-bit mono at 16 kHz.

        Raises:
            UserError: a packet longer than 0.2 s.
        """
        if len(packet) > LONGEST_PACKET or len(packet) % 2:
            raise UserError("The page sent microphone sound of a wrong size.")
        if self.mode != "off":
            self._planner.hear("viewer", np.frombuffer(packet, "<i2"))
        self._dialogue.hear(packet)

    def interrupt(self) -> None:
        """Be silent now: nothing of what was said before is sent any more."""
        self._dialogue.interrupt()

    def _dialogue_context(self) -> DialogueContext:
        return DialogueContext(
            session=self.name,
            command=self._command,
            send_event=self.send_event,
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
            self.send_event("notice", text=resolve(asked).message)
        if decision is not None:
            self._command(SetAction(self.name, decision.phrase))
            shown = {"at": decision.at, "behaviour": decision.behaviour, "why": decision.why}
            self.decisions.append(shown)
            self.send_event("plan", **shown)

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
