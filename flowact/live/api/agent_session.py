"""Mode `agent` of the interface: the page's conversation, led by a program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowact.avatar.playback import PlaybackClock
from flowact.live.api.page_events import translated
from flowact.live.persona import NOBODY, Persona
from flowact.live.protocol import events, requests
from flowact.live.protocol.problem import ApiError, check_voice
from flowact.live.session.session import SessionServices, ViewerSession
from flowact.planner import Planner
from flowact.serving.messages import Codec, MediaSegment, PendingSound

PACKET_BYTES: Final = 1_280
"""40 ms, as the page sends its microphone."""


class AgentSession(ViewerSession):
    """A session that listens to a viewer's microphone and answers.

    Args:
        name, visitor, services, planner, persona: see `ViewerSession`.
        voice: name of the voice; empty for the person's own.
        language: ISO 639-1 code that the viewer speaks; empty to find out.
        codec: of the frames.
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
    ) -> None:
        super().__init__(name, visitor, services, planner, persona, codec)
        self._card, self._voice, self._language = persona, voice, language
        self._dialogue.choose(voice, language)
        self._clock, self._item = PlaybackClock(), -1

    def send_segment(self, segment: MediaSegment) -> None:
        """Take a segment from the worker, and note how much of a reply is heard."""
        self._clock.add(segment.epoch, voiced=segment.speaking)
        super().send_segment(segment)

    def go_on(self, kept: Mapping[str, Any], epoch: int, source: PendingSound) -> None:
        """Be the session that another server had; what it was saying is over in its turn."""
        super().go_on(kept, epoch, source)
        if source.kind == "reply" and source.sound:
            self._item = epoch

    def send_event(self, kind: str, **content: object) -> None:
        """Queue one of the page's messages as an event of `flowact.v1`."""
        if kind == "epoch":
            self._end_item(interrupted=True)
            self._item = -1 if content.get("flush") else int(str(content["epoch"]))
            if content.get("flush"):
                self._clock.flush()
        elif kind == "finished":
            self._end_item(interrupted=False)
        event = translated(kind, content)
        if event is not None:
            self.tell(event)

    def tell(self, event: events.ServerEvent) -> None:
        """Queue an event."""
        self.send_queue.put_text(event.model_dump_json())

    def hear_bytes(self, sound: bytes) -> None:
        """Take microphone sound, 16-bit mono at 16 kHz, of any length that a message may have."""
        for start in range(0, len(sound), PACKET_BYTES):
            self.hear(sound[start : start + PACKET_BYTES])

    def handle_event(self, event: events.ClientEvent) -> None:
        """Do what the client asks.

        Raises:
            UserError: it cannot be done.
        """
        match event:
            case events.SessionUpdate():
                self._update(event)
            case events.AudioClear():
                self.interrupt()
            case _:
                self.handle(_request(event))

    def _update(self, event: events.SessionUpdate) -> None:
        check_voice(event.voice, self._services.speech.engines)
        if event.voice is not None:
            self._voice = event.voice
        if event.language is not None:
            self._language = event.language
        if event.persona is not None:
            self._dialogue.become(event.persona or self._card.description)
        self._dialogue.choose(self._voice, self._language)
        self.tell(events.SessionUpdated(voice=self._voice, language=self._language))

    def _end_item(self, *, interrupted: bool) -> None:
        item, self._item = self._item, -1
        if item >= 0:
            played = self._clock.played_ms(item)
            if not interrupted:  # its last segments were made and are about to be heard
                played += round(self._clock.voice_left * 1000)
            self.tell(
                events.PlaybackFinished(
                    item_id=str(item), played_ms=played, interrupted=interrupted
                )
            )


def _request(event: events.ClientEvent) -> requests.Request:
    """Return what a session is asked for by an event.

    Raises:
        ApiError: nothing, in this mode.
    """
    match event:
        case events.TextSay(text=text, voice=voice):
            return requests.SayText(type="say", text=text, voice=voice)
        case events.TextAsk(text=text):
            return requests.Ask(type="ask", text=text)
        case events.SoundPlay(sound_id=sound_id):
            return requests.PlayUpload(type="play", upload=sound_id.rpartition(".")[2])
        case events.SamplePlay(name=name):
            return requests.PlaySample(type="sample", name=name)
        case events.ActionSet(text=text):
            return requests.Act(type="action", text=text)
        case events.MicrophoneSet(mode=mode):
            return requests.SetMicrophone(type="microphone", mode=mode)
        case events.MediaKey():
            return requests.WantKey(type="key")
        case events.PingEvent(at=at, lag_ms=lag):
            return requests.Ping(type="ping", at=at, lag_ms=lag)
        case _:
            raise ApiError(
                "wrong_mode",
                f"{event.type} is for sessions of mode avatar; this one has mode agent.",
            )
