"""The worker process of avatar sessions, for programs that run them inside themselves."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from flowact.avatar.session import AvatarSession
from flowact.conditioning.actions import resolve
from flowact.errors import UserError
from flowact.planner import Planner
from flowact.portrait.reference import reference_picture
from flowact.serving.messages import Codec, Create, MediaSegment, Ready, SessionError
from flowact.serving.supervision.reports import Report, WorkerRestarted, WorkerUnavailable
from flowact.serving.supervision.supervisor import Supervisor
from flowact.serving.worker import WorkerOptions

_log = logging.getLogger(__name__)

GONE: Final = "The generator could not go on with this session; open another."


class AvatarHost:
    """A worker process with the model in it, and the sessions that it makes. Use it with `async with`.

    The worker is another process: a script needs the usual `if __name__ == "__main__":`. A worker that dies is
    replaced, and its sessions go on.

    Args:
        checkpoint: folder of the weights; `None` for those that come with FlowAct.
        threads: processor threads; `None` for as many as there are, up to four.
        visible_mark: write "AI-generated" into the picture. The invisible mark is always there.
        spare: keep a second worker loaded, which takes over without a pause.
    """

    def __init__(
        self,
        *,
        checkpoint: Path | None = None,
        threads: int | None = None,
        visible_mark: bool = True,
        spare: bool = False,
    ) -> None:
        self._options = WorkerOptions(checkpoint, threads, visible_mark=visible_mark)
        self._spare = spare
        self._supervisor: Supervisor | None = None
        self._sessions: dict[str, AvatarSession] = {}
        self._loaded = asyncio.Event()
        self._problem = ""

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()

        def report(event: Report) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there any more
                loop.call_soon_threadsafe(self._receive, event)

        self._supervisor = Supervisor(self._options, report, spare=self._spare)
        try:
            await self._loaded.wait()
            if self._problem:
                raise UserError(self._problem)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def open(
        self,
        *,
        character: str | None = None,
        picture: NDArray[np.uint8] | str | Path | None = None,
        codec: Codec = "raw",
        action: str = "idling",
        seed: int = 0,
        planner: Planner | None = None,
    ) -> AvatarSession:
        """Open a session.

        Args:
            character: name of one of the characters; either this or `picture`.
            picture: a file, or uint8 RGB `[480, 480, 3]`.
            codec: `raw` (RGB), `h264` (Annex B, one access unit a frame) or `jpeg`.
            action: what the person does at first, in words.
            seed: equal seeds and sounds give equal pictures.
            planner: chooses what the person does; a few rules without it.

        Raises:
            UserError: no such character, a picture that cannot be used, or there is no worker.
            ValueError: not exactly one of `character` and `picture` was given.
        """
        if self._supervisor is None or self._problem:
            raise UserError(self._problem or "The avatar host has not been started.")
        pixels = await asyncio.to_thread(reference_picture, character, picture)
        name = secrets.token_hex(8)
        session = AvatarSession(
            name, codec, self._supervisor.send, lambda: self._forget(name), planner
        )
        self._sessions[name] = session
        phrase = resolve(action).matched_phrase
        self._supervisor.send(Create(name, pixels.tobytes(), seed, phrase, codec))
        return session

    async def close(self) -> None:
        """End all sessions and the worker."""
        for session in list(self._sessions.values()):
            await session.close()
        if self._supervisor is not None:
            await asyncio.to_thread(self._supervisor.close)
            self._supervisor = None

    def _forget(self, name: str) -> None:
        self._sessions.pop(name, None)

    def _receive(self, report: Report) -> None:
        match report:
            case MediaSegment(session=name) if name in self._sessions:
                self._sessions[name].receive(report)
            case SessionError(session=name, message=message, fatal=True):
                _log.warning("session %s: %s", name, message)
                if name in self._sessions:
                    self._sessions[name].fail(GONE)
            case WorkerRestarted(sessions=names):
                for session in [self._sessions[one] for one in names if one in self._sessions]:
                    session.restarted()
            case Ready():
                self._loaded.set()
            case WorkerUnavailable(message=message):
                self._problem = message
                self._loaded.set()
                for session in list(self._sessions.values()):
                    session.fail(message)
            case _:
                pass


@contextlib.asynccontextmanager
async def open_avatar(
    checkpoint: Path | None = None, threads: int | None = None, **options: Any
) -> AsyncIterator[AvatarSession]:
    """Start a worker and open one session in it; both end with the block.

    Args:
        checkpoint: folder of the weights; `None` for those that come with FlowAct.
        threads: processor threads; `None` for as many as there are, up to four.
        **options: as `AvatarHost.open` takes them.

    Raises:
        UserError: see there.
    """
    host = AvatarHost(checkpoint=checkpoint, threads=threads)
    async with host, await host.open(**options) as session:
        yield session
