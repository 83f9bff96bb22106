from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from flowact.pipeline.prefetch import prefetch


def test_order_and_values_are_kept() -> None:
    assert list(prefetch(iter(range(1000)), depth=3)) == list(range(1000))
    assert list(prefetch(iter(()))) == []
    assert list(prefetch(iter([None, 0]))) == [None, 0]


def test_it_runs_in_another_thread_while_the_reader_works() -> None:
    meeting = threading.Barrier(2, timeout=60)

    def meet() -> Iterator[int]:
        yield threading.get_ident()
        meeting.wait()  # returns only if the reader of the first item is at work by now
        yield threading.get_ident()

    idents = []
    for ident in prefetch(meet()):
        if not idents:
            meeting.wait()
        idents.append(ident)
    assert len(idents) == 2
    assert threading.get_ident() not in idents


def test_it_never_runs_further_ahead_than_asked() -> None:
    made: list[int] = []

    def count() -> Iterator[int]:
        for value in range(20):
            made.append(value)
            yield value

    for seen, _ in enumerate(prefetch(count(), depth=2), start=1):
        time.sleep(0.002)
        assert len(made) <= seen + 2 + 1  # two wait in the queue, one is being put there


def test_an_exception_is_raised_at_the_reader() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the disk is on fire")

    stream = prefetch(broken())
    assert next(stream) == 1
    with pytest.raises(OSError, match="on fire"):
        next(stream)


def test_stopping_early_stops_the_thread_and_closes_the_source() -> None:
    closed = threading.Event()
    before = threading.active_count()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            closed.set()

    stream = prefetch(prefetch(endless()))
    next(stream)
    stream.close()
    assert closed.is_set()
    assert threading.active_count() == before


def test_a_depth_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="got 0"):
        prefetch(iter([1]), depth=0)
