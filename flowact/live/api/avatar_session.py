"""Mode `avatar` of the interface: a program pushes speech, the person speaks it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from flowact.avatar.segment import AvatarSegment
from flowact.avatar.session import AvatarSession
from flowact.errors import UserError
from flowact.live.observation.session_watch import SessionWatch
from flowact.live.protocol import events
from flowact.live.protocol.parsing import check_sound
from flowact.live.protocol.problem import ApiError, check_voice
from flowact.live.session.packetizer import Packetizer
from flowact.live.session.recorder import Recorder
from flowact.live.session.send_queue import SendQueue
from flowact.live.speech.clauses import cut
from flowact.live.speech.tts import TTSEngine, reader, speak_text
from flowact.planner import Decision, Planner
from flowact.serving.messages import Codec, Command, KeyFrame, MediaSegment

METRICS_SECONDS: Final = 1.0
Work = Callable[[], Coroutine[Any, Any, None]]


class PushSession:
    """A session that speaks what its client pushes, be it sound or text.

    Everything that is said passes one queue, in the order in which it came; the reader of the socket
    never waits for it.

    Attributes:
        name, visitor, send_queue, recorder, watch, left: see `LiveSession`.
        codec: of the frames.
        mode: of a microphone, which there is none of.

    Args:
        name, visitor: see there.
        codec: of the frames.
        send: passes a command to the worker.
        engines: voices by name, the best first.
        voice: which one speaks, where a text names none.
        discard: deletes what the visitor uploaded.
        planner: chooses actions.
        watch: what operators see; without it nobody does.
        recorder: keeps the last minutes, or more of them.
    """

    def __init__(
        self,
        name: str,
        visitor: str,
        codec: Codec,
        send: Callable[[Command], None],
        engines: Mapping[str, TTSEngine],
        voice: str = "",
        discard: Callable[[str], None] = lambda _visitor: None,
        planner: Planner | None = None,
        watch: SessionWatch | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        self.name, self.visitor, self.codec = name, visitor, codec
        self.watch = watch or SessionWatch()
        self.left: float | None = None
        self.heard = 0
        self.send_queue, self.recorder = SendQueue(), recorder or Recorder()
        self._packetizer = Packetizer(self.send_queue)
        self._send, self._engines, self._voice, self._discard = send, engines, voice, discard
        self._avatar = AvatarSession(name, codec, send, planner=planner)
        self._avatar.on_decision = self._tell_decision
        self._next = events.AudioStart(type="audio.start")
        self._begun: list[str] = []  # items that are heard and not over, oldest first
        self._waiting_bytes = 0
        self._work: asyncio.Queue[Work] = asyncio.Queue()
        self._worker = asyncio.create_task(self._work_forever())
        self._metrics = asyncio.create_task(self._tell_metrics_forever())

    mode: Final = "off"

    @property
    def epoch(self) -> int:
        """Number of the newest item or interruption."""
        return self._avatar.epoch

    def tell(self, event: events.ServerEvent) -> None:
        """Queue an event."""
        self.send_queue.put_text(event.model_dump_json())

    def welcome(self, picture: NDArray[np.uint8]) -> None:
        """Show the portrait until the first frame is made."""
        self._packetizer.portrait(picture)

    def send_segment(self, segment: MediaSegment) -> None:
        """Send a segment, and say where items begin and end."""
        shown = self._avatar.track(segment)
        if shown is None:
            return
        self.recorder.keep(segment)
        if shown.item and shown.item not in self._begun:
            self._begun.append(shown.item)
            self.tell(events.PlaybackStarted(item_id=shown.item, epoch=segment.epoch))
        if self.left is None and not self._packetizer.send(segment):
            self._send(KeyFrame(self.name))
        self.watch.sent(segment, self.send_queue.dropped)
        if shown.final and shown.item:
            loop = asyncio.get_running_loop()
            loop.call_later(self._avatar.voice_left, self._tell_finished, shown)

    def reconnect(self) -> None:
        """Begin again with a fresh send queue."""
        self.left = None
        self.send_queue = SendQueue()
        self._packetizer = Packetizer(self.send_queue)
        self._send(KeyFrame(self.name))

    def restarted(self) -> None:
        """The worker was replaced: what was being said is lost."""
        self._cut_items(self._avatar.played_ms())
        self._forget_work()
        self._avatar.restarted()
        self._packetizer.new_stream()
        self.tell(events.NoticeEvent(message="The generator stopped and was started again."))

    def close(self) -> None:
        """End the session everywhere and delete what belongs to it."""
        for task in (self._worker, self._metrics):
            task.cancel()
        self._avatar.end()
        self.recorder.clear()
        self._discard(self.visitor)
        self.send_queue.close()

    def hear_bytes(self, sound: bytes) -> None:
        """Take 16-bit mono sound of the item that is open.

        Raises:
            ApiError: half a sample, a message too long, or more than a session holds.
        """
        check_sound(sound)
        held = self._waiting_bytes + len(sound)
        if held > 2 * self._next.rate * events.MOST_BUFFERED_SECONDS:
            raise ApiError(
                "audio_buffer_full",
                f"The session holds {events.MOST_BUFFERED_SECONDS} s of sound that it has not "
                "spoken; send more when it has.",
                retryable=True,
            )
        self._waiting_bytes = held
        self._work.put_nowait(partial(self._append, sound, self._next))

    def say_sound(self, pcm: bytes) -> None:
        """Speak a whole recording, 16-bit mono at 16 kHz, however long."""
        start = events.AudioStart(type="audio.start")
        self._work.put_nowait(partial(self._append, pcm, start))
        self._work.put_nowait(self._avatar.finish)

    def handle_event(self, event: events.ClientEvent) -> None:
        """Do what the client asks.

        Raises:
            UserError: it cannot be done.
        """
        match event:
            case events.AudioStart():
                self._begin_item(event)
            case events.AudioCommit():
                self._work.put_nowait(self._avatar.finish)
                self._next = self._unnamed()
            case events.AudioClear():
                self._clear()
            case events.TextSay():
                self._say_text(event)
            case events.SessionUpdate(voice=voice, language=None, persona=None):
                check_voice(voice, self._engines)
                self._voice = self._voice if voice is None else voice
                self.tell(events.SessionUpdated(voice=self._voice))
            case events.ActionSet(text=text):
                self.tell(events.NoticeEvent(message=self._avatar.act(text).message))
            case events.MediaKey():
                self._send(KeyFrame(self.name))
            case events.PingEvent(at=at):
                self.tell(events.PongEvent(at=at, server_ms=time.time() * 1e3, heard=self.heard))
            case _:
                raise ApiError(
                    "wrong_mode",
                    f"{event.type} is for sessions of mode agent; this one has mode avatar.",
                )

    def _begin_item(self, start: events.AudioStart) -> None:
        if not 8_000 <= start.rate <= 96_000:
            raise ApiError("invalid_rate", "Sound has 8000 to 96000 samples a second.")
        self._work.put_nowait(self._avatar.finish)
        self._next = start

    def _say_text(self, event: events.TextSay) -> None:
        voice = event.voice or self._voice
        check_text(event.text, voice, self._engines)
        self._work.put_nowait(partial(self._say, voice, event))

    async def _append(self, sound: bytes, start: events.AudioStart) -> None:
        try:
            await self._avatar.push(sound, start.rate, start.item_id, start.text)
        finally:
            # An interruption has counted what was waiting as gone already.
            self._waiting_bytes = max(self._waiting_bytes - len(sound), 0)

    async def _say(self, voice: str, event: events.TextSay) -> None:
        await self._avatar.finish()
        try:
            async for sound in speak_text(self._engines, voice, event.text):
                await self._avatar.push(sound, item=event.item_id, text=event.text)
        except UserError:
            await self._avatar.finish()  # what there was of it is all
            raise
        await self._avatar.finish()

    async def _work_forever(self) -> None:
        while True:
            work = await self._work.get()
            try:
                await work()
            except UserError as error:
                self.tell(events.error_event(error))

    def _clear(self) -> None:
        self._forget_work()
        self._cut_items(self._avatar.silence())
        self.send_queue.flush()
        self.tell(events.PlaybackFlushed(epoch=self._avatar.epoch))

    def _forget_work(self) -> None:
        self._worker.cancel()
        self._work = asyncio.Queue()
        self._waiting_bytes = 0
        self._next = self._unnamed()
        self._worker = asyncio.create_task(self._work_forever())

    def _unnamed(self) -> events.AudioStart:
        """The next item, of the same rate, as long as the client says nothing else of it."""
        return events.AudioStart(type="audio.start", rate=self._next.rate)

    def _cut_items(self, played_ms: int) -> None:
        """Say of what had begun that it was interrupted; the newest item is the one that was heard."""
        for item in self._begun:
            played = played_ms if item == self._begun[-1] else 0
            self.tell(events.PlaybackFinished(item_id=item, played_ms=played, interrupted=True))
        self._begun.clear()

    def _tell_finished(self, last: AvatarSegment) -> None:
        """An item was played to its end, unless an interruption said otherwise meanwhile."""
        if last.item in self._begun:
            self._begun.remove(last.item)
            self.tell(
                events.PlaybackFinished(
                    item_id=last.item, played_ms=last.position_ms, interrupted=False
                )
            )

    def _tell_decision(self, decision: Decision) -> None:
        self.tell(
            events.ActionChanged(
                behaviour=decision.behaviour, why=decision.why, at=round(decision.at, 3)
            )
        )

    async def _tell_metrics_forever(self) -> None:
        while True:
            await asyncio.sleep(METRICS_SECONDS)
            if self._begun or self._waiting_bytes:
                waiting = self._waiting_bytes * 500 // self._next.rate
                self.tell(
                    events.PlaybackMetrics(
                        item_id=self._begun[-1] if self._begun else "",
                        played_ms=self._avatar.played_ms(),
                        buffered_ms=waiting + self._avatar.pending_ms,
                        dropped=self.send_queue.dropped,
                    )
                )


def check_text(text: str, voice: str, engines: Mapping[str, TTSEngine]) -> None:
    """Refuse a text that cannot be spoken here.

    Raises:
        ApiError: there is no voice, not the one that is wanted, none that reads it, or nothing in it.
    """
    if not engines:
        raise ApiError("no_voice", "This server has no voice; push sound instead of text.")
    check_voice(voice, engines)
    if not cut(text):
        raise ApiError("empty_text", "There is nothing to say in that text.")
    try:
        reader(engines, voice, text)
    except UserError as error:
        raise ApiError("unreadable_text", str(error)) from error
