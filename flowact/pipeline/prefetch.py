"""Running one part of a stream in a thread of its own, a little ahead of whoever reads it."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class _End:
    """The last thing in the queue: why there is no more."""

    error: BaseException | None


@dataclass(frozen=True)
class _Item(Generic[T]):
    value: T


def prefetch(items: Iterator[T], depth: int = 2) -> Generator[T, None, None]:
    """Yield what `items` yields, made in a thread at most `depth` items ahead of the reader.

    Order and values are those of `items`; an exception there is raised here. When the reader stops
    early (`close`, or an exception at the reader) the thread is stopped and waited for, and `items`
    is closed.

    Raises:
        ValueError: `depth` is not positive.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    return _read(items, queue.Queue(maxsize=depth), threading.Event())


def _read(
    items: Iterator[T], made: queue.Queue[_Item[T] | _End], stop: threading.Event
) -> Generator[T, None, None]:
    thread = threading.Thread(target=_make, args=(items, made, stop), daemon=True)
    thread.start()
    try:
        while isinstance(entry := made.get(), _Item):
            yield entry.value
        if entry.error is not None:
            raise entry.error
    finally:
        stop.set()
        _drain(made, thread)


def _make(items: Iterator[T], made: queue.Queue[_Item[T] | _End], stop: threading.Event) -> None:
    error: BaseException | None = None
    try:
        for value in items:
            made.put(_Item(value))
            if stop.is_set():
                break
    except BaseException as caught:  # raised again where the reader is
        error = caught
    finally:
        if isinstance(items, Generator):
            items.close()
        made.put(_End(error))


def _drain(made: queue.Queue[_Item[T] | _End], thread: threading.Thread) -> None:
    """Take everything out until the thread, which may wait for a free place, has ended."""
    while thread.is_alive():
        try:
            made.get(timeout=0.01)
        except queue.Empty:
            continue
    thread.join()
