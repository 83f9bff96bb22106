"""SIGHUP: load the weights anew and move everybody to them, without a cut."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

from flowact.live.session.manager import SessionManager

_log = logging.getLogger(__name__)


class Renewals:
    """Listens for SIGHUP from when it is made until it is closed; only in a process's main thread.

    Args:
        manager: whose worker is replaced.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager, self._running = manager, set[asyncio.Task[None]]()
        self._loop = asyncio.get_running_loop()
        # Without such a signal (Windows) or outside the main thread (tests) there is nothing to listen for.
        with contextlib.suppress(AttributeError, RuntimeError, ValueError, NotImplementedError):
            self._loop.add_signal_handler(signal.SIGHUP, self._begin)

    def close(self) -> None:
        """Listen no more; a renewal that has begun is waited for by whoever closes the worker."""
        with contextlib.suppress(AttributeError, RuntimeError, ValueError, NotImplementedError):
            self._loop.remove_signal_handler(signal.SIGHUP)

    def _begin(self) -> None:
        task = self._loop.create_task(self._renew())
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _renew(self) -> None:
        _log.info("a fresh worker is loading")
        if not await self._manager.renew():
            _log.error("the worker was not renewed; the present one goes on")
