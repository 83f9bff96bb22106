import time

import pytest

from flowact.hardware import speedups
from flowact.hardware.speedups import bf16_speedup, int8_speedup, linear_speedup


@pytest.mark.parametrize("measure", [bf16_speedup, int8_speedup, linear_speedup])
def test_formats_are_compared_on_this_machine(measure) -> None:
    assert 0.01 < measure(seconds=0.05) < 100


def test_time_that_other_programs_took_does_not_count() -> None:
    def working(seconds: float) -> None:
        until = time.thread_time() + seconds
        while time.thread_time() < until:
            pass

    def disturbed() -> None:
        working(0.002)
        time.sleep(0.01)  # the processor is somebody else's

    short, long = speedups._best_times([disturbed, lambda: working(0.006)], 0.05)
    assert short < long
