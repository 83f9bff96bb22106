"""A session's segments as events, on a clock of our own."""

from dataclasses import replace

from flowact.live.observation.events import Joined, LiveEvent, Replied, SegmentSent
from flowact.live.observation.session_watch import Arrival, SessionWatch
from flowact.serving.messages import MediaSegment, Timings
from flowact.serving.pacing import SEGMENT_SECONDS

NO_TIME = Timings(0, 0, 0, 0, 0, 0, 0)
SILENT = MediaSegment("a", 0, 0, (), b"", False, 0, False, False, NO_TIME, None)
SPOKEN = replace(SILENT, speaking=True)


TOLD: list[LiveEvent] = []


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watched() -> tuple[SessionWatch, Clock]:
    clock = Clock()
    watch = SessionWatch(TOLD.append, clock)
    watch.arrived(Arrival("new", at=99.0, waited=0.25, traceparent="00-ab-cd-01"))
    return watch, clock


def told(watch: SessionWatch, segment: MediaSegment = SILENT, dropped: int = 0) -> list[LiveEvent]:
    TOLD.clear()
    watch.sent(segment, dropped)
    return list(TOLD)


def late(watch: SessionWatch, segment: MediaSegment = SILENT) -> float:
    (sent,) = (event for event in told(watch, segment) if isinstance(event, SegmentSent))
    return round(sent.late, 6)


def test_the_first_segment_makes_a_viewer_and_the_second_does_not():
    watch, _ = watched()
    events = told(watch)
    assert events[1:] == [Joined("new", 0.25, 0.75, "00-ab-cd-01")]
    assert len(told(watch)) == 1


def test_a_segment_is_late_when_everything_before_it_was_played():
    watch, clock = watched()
    assert late(watch) == 0
    assert late(watch) == 0  # both of a burst: 0.32 s are in hand
    clock.now += 2 * SEGMENT_SECONDS
    assert late(watch) == 0
    clock.now += SEGMENT_SECONDS + 0.5
    assert late(watch) == 0.5
    clock.now += SEGMENT_SECONDS
    assert late(watch) == 0, "the picture stood still once, and not for all that follows"


def test_an_interruption_throws_away_what_was_in_hand_and_is_no_freeze():
    watch, clock = watched()
    late(watch)
    clock.now += 3.0
    assert late(watch, replace(SILENT, flush=True)) == 0


def test_a_reply_is_answered_by_its_first_voice():
    watch, clock = watched()
    watch.expect(reply=True)
    clock.now += 0.4
    assert not any(isinstance(event, Replied) for event in told(watch))
    clock.now += 0.2
    (reply,) = (event for event in told(watch, SPOKEN) if isinstance(event, Replied))
    assert round(reply.seconds, 6) == 0.6 and reply.traceparent == "00-ab-cd-01"
    assert not any(isinstance(event, Replied) for event in told(watch, SPOKEN))


def test_what_was_interrupted_is_answered_by_nothing():
    watch, _ = watched()
    watch.expect(reply=True)
    watch.expect(reply=False)
    assert not any(isinstance(event, Replied) for event in told(watch, SPOKEN))


def test_what_a_slow_viewer_missed_is_counted_once_and_an_interruption_is_no_slowness():
    watch, _ = watched()
    lost = [
        event.dropped
        for segment, dropped in [
            (SILENT, 0),
            (SILENT, 3),
            (replace(SILENT, flush=True), 9),
            (SILENT, 10),
        ]
        for event in told(watch, segment, dropped)
        if isinstance(event, SegmentSent)
    ]
    assert lost == [0, 3, 0, 1]
