from __future__ import annotations

from flowact.serving.load_meter import LITTLE, TOO_MUCH, Busyness


def work(busyness: Busyness, share: float, seconds: float, begin: float) -> None:
    for turn in range(round(seconds / 0.5)):
        start = begin + 0.5 * turn + 0.5 * (1 - share)
        busyness.worked(start, begin + 0.5 * (turn + 1))


def test_a_worker_without_a_pause_is_overloaded_until_there_is_little_to_do() -> None:
    busyness = Busyness(100.0)
    work(busyness, 0.6, 20, 100)
    assert abs(busyness.share - 0.6) < 0.01 and not busyness.overloaded
    work(busyness, 1.0, 1, 120)
    assert not busyness.overloaded  # one busy second is none
    work(busyness, 1.0, 10, 121)
    assert busyness.share > TOO_MUCH and busyness.overloaded
    work(busyness, 0.8, 20, 131)
    assert LITTLE < busyness.share < TOO_MUCH and busyness.overloaded
    work(busyness, 0.5, 20, 151)
    assert not busyness.overloaded


def test_a_clock_that_stands_still_changes_nothing() -> None:
    busyness = Busyness(5.0)
    busyness.worked(5.0, 5.0)
    assert busyness.share == 0
