from __future__ import annotations

import time
from itertools import pairwise
from typing import ClassVar

import numpy as np

from flowact.pipeline.chunks import Decode, Denoise, Listen, Look, to_frames
from flowact.pipeline.stages import Stage, StageTimes


class RunningSum(Stage[int, int, int]):
    name: ClassVar = "sum"
    takes: ClassVar = int
    gives: ClassVar = int

    def run(self, state: int, given: int) -> tuple[int, int]:
        time.sleep(0.01)
        return state + given, state + given


def test_a_stage_carries_its_state_and_times_every_run() -> None:
    times = StageTimes()
    assert list(RunningSum().over(10, [1, 2, 3], times)) == [11, 13, 16]
    assert times.stages == ["sum"]
    assert len(times.seconds("sum")) == 3
    assert all(0.01 <= seconds < 0.1 for seconds in times.seconds("sum"))


def test_the_time_of_the_reader_is_not_the_stages() -> None:
    times = StageTimes()
    for _ in RunningSum().over(0, [1, 2], times):
        time.sleep(0.05)
    assert max(times.seconds("sum")) < 0.04


def test_an_endless_stream_keeps_only_the_newest_times() -> None:
    times = StageTimes(keep=3)
    for seconds in range(10):
        times.add("a", seconds)
    assert times.seconds("a") == [7, 8, 9]


def test_each_stage_takes_what_the_one_before_gives() -> None:
    chain = [Listen, Denoise, Decode]
    assert all(first.gives is second.takes for first, second in pairwise(chain))
    assert len({stage.name for stage in [Look, *chain]}) == 4


def test_frames_span_minus_one_to_one() -> None:
    picture = np.array([[[0, 255, 51]]], np.uint8)
    assert to_frames(picture).flatten().tolist() == [-1, 1, np.float32(51 / 127.5 - 1)]
    assert to_frames(np.zeros((4, 6, 3), np.uint8)).shape == (1, 3, 4, 6)
