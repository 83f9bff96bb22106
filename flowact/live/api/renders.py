"""Videos that are made one after the other, and kept for an hour."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from flowact.errors import UserError
from flowact.live.api.avatar_session import check_text
from flowact.live.api.models import RenderSpec, RenderStanding, RenderState
from flowact.live.api.rendering import RenderScript, render
from flowact.live.protocol.problem import ApiError, Problem, check_voice, problem_of
from flowact.live.session.manager import SessionManager
from flowact.logs import raised_at
from flowact.media import Recording
from flowact.serving.audio_source import to_pcm16

_log = logging.getLogger(__name__)

MOST_RENDERS: Final = 20
"""Videos that wait, are made or are kept."""
KEPT_SECONDS: Final = 3_600
FAILED: Final = Problem(
    code="failed", message="Something went wrong on this server; try that again.", retryable=True
)


@dataclass
class RenderJob:
    """One video.

    Attributes:
        id: what requests call it.
        visitors: owners of the uploads that it needs.
        path: where the file is when it is done.
        total_ms: length of the speech, where it is known.
        state: where it stands.
        made_ms: how much of the speech is made.
        problem: why it failed.
        expires_at: when it is deleted; known when it is over.
        task: makes it.
    """

    id: str
    visitors: tuple[str, ...]
    path: Path
    total_ms: int | None = None
    state: RenderState = "queued"
    made_ms: int = 0
    problem: Problem | None = None
    expires_at: datetime | None = None
    task: asyncio.Task[None] | None = None

    def standing(self) -> RenderStanding:
        """Say where it stands."""
        return RenderStanding(
            id=self.id,
            state=self.state,
            made_ms=self.made_ms,
            total_ms=self.total_ms,
            problem=self.problem,
            expires_at=self.expires_at,
        )


class RenderQueue:
    """All videos of programs; one is made at a time, so that the page keeps its other places.

    Args:
        manager: gives the place.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._jobs: dict[str, RenderJob] = {}
        self._turn = asyncio.Lock()
        self._folder: Path | None = None

    async def add(self, spec: RenderSpec) -> RenderJob:
        """Put a video at the end of the queue.

        Raises:
            UserError: no such character, picture, sound or voice, nothing to say, or too many videos.
        """
        if len(self._jobs) >= MOST_RENDERS:
            raise ApiError(
                "too_many_renders",
                f"This server keeps {MOST_RENDERS} videos; delete one, or wait.",
                status=429,
                retryable=True,
            )
        person, _, picture = spec.picture_id.partition(".")
        owner, _, sound = spec.sound_id.partition(".")
        script = self._script(spec, person, picture)
        recording = await asyncio.to_thread(self._sound, owner, sound) if spec.sound_id else None
        visitors = tuple(filter(None, (person, owner)))
        for visitor in visitors:
            self._manager.uploads.hold(visitor)
        name = secrets.token_hex(8)
        job = RenderJob(name, visitors, self._place() / f"{name}.mp4")
        if recording is not None:
            job.total_ms = round(recording.seconds * 1_000)
        self._jobs[name] = job
        job.task = asyncio.create_task(self._make(job, script, recording))
        return job

    def find(self, name: str) -> RenderJob:
        """Return a video.

        Raises:
            ApiError: there is none of that id.
        """
        found = self._jobs.get(name)
        if found is None:
            raise ApiError(
                "unknown_render", "There is no such video; it may be deleted.", status=404
            )
        return found

    def finished(self, name: str) -> RenderJob:
        """Return a video whose file is there.

        Raises:
            ApiError: it is not done, or never will be.
        """
        job = self.find(name)
        if job.problem is not None:
            raise ApiError(job.problem.code, job.problem.message, status=409)
        if job.state != "done":
            raise ApiError("not_done", "That video is not done.", status=409, retryable=True)
        return job

    async def remove(self, name: str) -> None:
        """Delete a video, or give up making it."""
        job = self.find(name)
        del self._jobs[name]
        if job.task is not None:
            job.task.cancel()
            await asyncio.wait([job.task])
        job.path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Delete everything."""
        for name in list(self._jobs):
            await self.remove(name)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _script(self, spec: RenderSpec, visitor: str, upload: str) -> RenderScript:
        if bool(spec.text.strip()) == bool(spec.sound_id):
            raise ApiError("invalid_request", "Give either a text or a sound_id.", status=422)
        check_voice(spec.voice, self._manager.engines)
        if spec.text:
            check_text(spec.text, spec.voice, self._manager.engines)
        try:
            picture = self._manager.picture(visitor, spec.character, upload)
        except UserError as error:
            raise ApiError("unknown_picture", str(error), status=404) from error
        return RenderScript(picture, spec.text, b"", spec.voice, spec.action)

    def _sound(self, visitor: str, upload: str) -> Recording:
        try:
            return self._manager.uploads.recording(visitor, upload)
        except UserError as error:
            raise ApiError("unknown_sound", str(error), status=404) from error

    def _place(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="flowact-renders-"))
        return self._folder

    async def _make(self, job: RenderJob, script: RenderScript, sound: Recording | None) -> None:
        try:
            async with self._turn:
                await self._film(job, script, sound)
            job.state = "done"
        except UserError as error:
            _log.info("video %s failed: %s", job.id, raised_at(error))
            job.state, job.problem = "failed", problem_of(error)
        except Exception as error:
            _log.error("video %s failed: %s", job.id, raised_at(error))
            job.state, job.problem = "failed", FAILED
        finally:
            for visitor in job.visitors:
                self._manager.uploads.discard(visitor)
        job.expires_at = datetime.now(UTC) + timedelta(seconds=KEPT_SECONDS)
        asyncio.get_running_loop().call_later(KEPT_SECONDS, self._expire, job)

    async def _film(self, job: RenderJob, script: RenderScript, sound: Recording | None) -> None:
        if sound is not None:
            pcm = await asyncio.to_thread(lambda: to_pcm16(sound.read()))
            script = replace(script, pcm=pcm)

        def begun() -> None:
            job.state = "running"

        def heard(milliseconds: int) -> None:
            job.made_ms = milliseconds

        video = await render(self._manager, script, begun, heard, patience=None)
        await asyncio.to_thread(job.path.write_bytes, video)

    def _expire(self, job: RenderJob) -> None:
        self._jobs.pop(job.id, None)
        with contextlib.suppress(OSError):
            job.path.unlink(missing_ok=True)
