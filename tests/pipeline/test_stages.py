from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

import numpy as np
import pytest

from flowact.pipeline import stages
from flowact.pipeline.chunks import BufferAudio, Decode, Denoise, EncodeReference, to_frames
from flowact.pipeline.stages import PipelineStage, StageTimes


class Clock:
    """Time that passes only when it is told to."""

    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(stages, "time", clock)
    return clock


class RunningSum(PipelineStage[int, int, int]):
    """Takes as many seconds as the number it is given."""

    name: ClassVar = "sum"
    takes: ClassVar = int
    gives: ClassVar = int

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def run(self, state: int, given: int) -> tuple[int, int]:
        self._clock.now += given
        return state + given, state + given


def test_a_stage_carries_its_state_and_times_every_run(clock: Clock) -> None:
    times = StageTimes()
    assert list(RunningSum(clock).over(10, [1, 2, 3], times)) == [11, 13, 16]
    assert times.stages == ["sum"]
    assert times.seconds("sum") == [1, 2, 3]


def test_the_time_of_the_reader_is_not_the_stages(clock: Clock) -> None:
    times = StageTimes()
    for _ in RunningSum(clock).over(0, [1, 2], times):
        clock.now += 100
    assert times.seconds("sum") == [1, 2]


def test_an_endless_stream_keeps_only_the_newest_times() -> None:
    times = StageTimes(keep=3)
    for seconds in range(10):
        times.add("a", seconds)
    assert times.seconds("a") == [7, 8, 9]


def test_each_stage_takes_what_the_one_before_gives() -> None:
    chain = [BufferAudio, Denoise, Decode]
    assert all(first.gives is second.takes for first, second in pairwise(chain))
    assert len({stage.name for stage in [EncodeReference, *chain]}) == 4


def test_frames_span_minus_one_to_one() -> None:
    picture = np.array([[[0, 255, 51]]], np.uint8)
    assert to_frames(picture).flatten().tolist() == [-1, 1, np.float32(51 / 127.5 - 1)]
    assert to_frames(np.zeros((4, 6, 3), np.uint8)).shape == (1, 3, 4, 6)
