"""A process of its own for speech engines, whose libraries keep state in globals, crash or hang."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from typing import Final, ParamSpec, TypeVar

from flowact.errors import UserError
from flowact.processes import end_with_parent

_log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
MOST_SECONDS: Final = 30.0
FIRST_SECONDS: Final = 120.0
"""For the first work of a process, which loads what it needs; on a busy machine that takes its time."""
CLOSE_SECONDS: Final = 3.0
TRIES: Final = 2


class HelperProcess:
    """Runs one piece of work after the other; a process that died or hangs is replaced.

    Attributes:
        restarts: how often it was.

    Args:
        does: what it does, for messages: "voice".
    """

    def __init__(self, does: str) -> None:
        self._does, self.restarts, self._warm = does, 0, False
        self._pool: ProcessPoolExecutor | None = None
        self._pid: Future[int] | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a function of a module gives; it is started when it is first needed.

        Raises:
            UserError: it took longer than half a minute, or killed the process twice.
        """
        for _ in range(TRIES):
            pool = self._pool or self._start()
            try:
                running = asyncio.wrap_future(pool.submit(work, *args, **kwargs))
                done = await asyncio.wait_for(
                    running, MOST_SECONDS if self._warm else FIRST_SECONDS
                )
                self._warm = True
                return done
            except BrokenExecutor:
                _log.warning("the %s's helper process died and is replaced", self._does)
                self._discard(pool)
            except TimeoutError as error:
                _log.warning("the %s's helper process hangs and is replaced", self._does)
                self._discard(pool)
                raise UserError(f"The {self._does} took too long over that.") from error
        raise UserError(f"The {self._does} broke down over that; try something else.")

    async def close(self) -> None:
        """End the process, by force if it does not answer."""
        if self._pool is None:
            return
        try:
            ending = asyncio.to_thread(self._pool.shutdown, cancel_futures=True)
            await asyncio.wait_for(ending, CLOSE_SECONDS)
        except TimeoutError:
            self._discard(self._pool)

    def _start(self) -> ProcessPoolExecutor:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, spawn, initializer=_begin)
        self._pid = self._pool.submit(os.getpid)
        return self._pool

    def _discard(self, pool: ProcessPoolExecutor) -> None:
        """Forget a process that is of no use; others may have done so already."""
        if pool is not self._pool:
            return
        if self._pid is not None and self._pid.done() and not self._pid.exception():
            _kill(self._pid.result())
        pool.shutdown(wait=False, cancel_futures=True)
        self._pool, self._pid, self._warm = None, None, False
        self.restarts += 1


def _begin() -> None:
    """Leave interrupts to the server: Ctrl-C reaches every process of a terminal, and it ends the helper when done."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        _log.debug("the process had ended already")
