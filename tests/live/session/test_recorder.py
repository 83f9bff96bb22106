"""What a recording keeps of a stream with a gap."""

from flowact.live.session.recorder import Recorder
from flowact.serving.messages import EncodedFrame, MediaSegment, Timings


def segment(index: int, *, key: bool) -> MediaSegment:
    frames = (EncodedFrame(b"first", key), EncodedFrame(b"second", key=False))
    return MediaSegment(
        "a", 0, index, frames, b"", speaking=False, pending=0, finished=False, flush=False,
        timings=Timings(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), snapshot=None,
    )  # fmt: skip


def test_after_a_gap_nothing_is_kept_until_a_key_frame():
    recorder = Recorder()
    for index in range(3):
        recorder.keep(segment(index, key=index == 0))
    recorder.leave_out()
    for index in range(4, 8):
        recorder.keep(segment(index, key=index == 6))
    assert [each.index for each in recorder.kept()] == [0, 1, 2, 6, 7]
