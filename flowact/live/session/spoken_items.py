"""What a viewer is told of each thing that the avatar says: that it is over, and how much of it was heard."""

from __future__ import annotations

from collections.abc import Callable

from flowact.avatar.playback import PlaybackClock
from flowact.live.protocol import events
from flowact.serving.messages import MediaSegment


class SpokenItems:
    """Stands between a dialogue and its viewer.

    Args:
        tell: takes the events on their way to the viewer.
    """

    def __init__(self, tell: Callable[[events.ServerEvent], None]) -> None:
        self._tell, self._clock, self._epoch = tell, PlaybackClock(), -1

    def tell(self, event: events.ServerEvent) -> None:
        """Pass an event on, and before it say what it interrupts."""
        match event:
            case events.PlaybackStarted(epoch=epoch):
                self._end(interrupted=True)
                self._epoch = epoch
            case events.PlaybackFlushed():
                self._end(interrupted=True)
                self._clock.flush()
        self._tell(event)

    def go_on(self, epoch: int) -> None:
        """The item of an epoch began at another server; what is heard of it here is counted."""
        self._epoch = epoch

    def sent(self, segment: MediaSegment) -> None:
        """Take note of a segment that was sent, and say if an item is over with it."""
        self._clock.add(segment.epoch, voiced=segment.speaking)
        if segment.finished:
            self._end(interrupted=False)

    def _end(self, *, interrupted: bool) -> None:
        epoch, self._epoch = self._epoch, -1
        if epoch < 0:
            return
        played = self._clock.played_ms(epoch)
        if not interrupted:  # its last segments were made and are about to be heard
            played += round(self._clock.voice_left * 1000)
        self._tell(
            events.PlaybackFinished(item_id=str(epoch), played_ms=played, interrupted=interrupted)
        )
