from __future__ import annotations

from flowact.serving.load_meter import LITTLE, TOO_MUCH, LoadMeter


def work(load_meter: LoadMeter, share: float, seconds: float, begin: float) -> None:
    for turn in range(round(seconds / 0.5)):
        start = begin + 0.5 * turn + 0.5 * (1 - share)
        load_meter.worked(start, begin + 0.5 * (turn + 1))


def test_a_worker_without_a_pause_is_overloaded_until_there_is_little_to_do() -> None:
    load_meter = LoadMeter(100.0)
    work(load_meter, 0.6, 20, 100)
    assert abs(load_meter.share - 0.6) < 0.01 and not load_meter.overloaded
    work(load_meter, 1.0, 1, 120)
    assert not load_meter.overloaded  # one busy second is none
    work(load_meter, 1.0, 10, 121)
    assert load_meter.share > TOO_MUCH and load_meter.overloaded
    work(load_meter, 0.8, 20, 131)
    assert LITTLE < load_meter.share < TOO_MUCH and load_meter.overloaded
    work(load_meter, 0.5, 20, 151)
    assert not load_meter.overloaded


def test_a_clock_that_stands_still_changes_nothing() -> None:
    load_meter = LoadMeter(5.0)
    load_meter.worked(5.0, 5.0)
    assert load_meter.share == 0
