"""A whole video of what is said, made by a live session that nobody watches."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.live.api.avatar_session import PushSession
from flowact.live.protocol import events
from flowact.live.protocol.problem import ApiError
from flowact.live.server.provenance import provenance
from flowact.live.session.manager import SessionManager
from flowact.live.session.recorder import Recorder, to_mp4

LONGEST_MINUTES: Final = 10
"""Of speech in one video."""
PATIENCE: Final = 30.0
"""Seconds for a place to become free."""
STALLED_SECONDS: Final = 60.0
"""Without any more of the speech being heard, after which nothing more is expected."""
MOST_BYTES: Final = 400_000_000
"""Of one video: far more than ten minutes need."""


@dataclass(frozen=True)
class RenderScript:
    """What a video shows.

    Attributes:
        picture: who is seen, uint8 `[480, 480, 3]`.
        text: what is said; either this or `pcm`.
        pcm: 16-bit mono sound at 16 kHz.
        voice: speaks the text; the best one without it.
        action: what the person does at first, in words.
    """

    picture: NDArray[np.uint8]
    text: str = ""
    pcm: bytes = b""
    voice: str = ""
    action: str = ""


async def render(
    manager: SessionManager,
    script: RenderScript,
    begun: Callable[[], None] = lambda: None,
    heard: Callable[[int], None] = lambda _milliseconds: None,
    patience: float | None = PATIENCE,
) -> bytes:
    """Return an mp4 file; it takes a place, and as long as the speech lasts.

    Args:
        manager: of the server.
        script: what is shown.
        begun: is called when there is a place.
        heard: is called once a second with how much was spoken.
        patience: seconds for a place to become free; `None` to wait as long as it takes.

    Raises:
        UserError: no place, no such voice, nothing to say, or the generator could not go on.
    """
    await _place(manager, patience)
    begun()
    name, recorder = secrets.token_hex(8), Recorder(LONGEST_MINUTES + 1, MOST_BYTES)
    session = PushSession(
        name, "", "h264", manager.send, manager.engines, script.voice, recorder=recorder
    )
    try:
        manager.enter(session, script.picture, "h264")
    except BaseException:
        session.close()
        await manager.admission.leave()
        raise
    try:
        if script.action:
            session.handle_event(events.ActionSet(type="action.set", text=script.action))
        await _speak(session, script, heard)
        return await asyncio.to_thread(to_mp4, session.recorder.kept(), provenance(session.name))
    finally:
        await manager.end(session)


async def _place(manager: SessionManager, patience: float | None) -> None:
    try:
        async with asyncio.timeout(patience), manager.admission.line() as me:
            while not manager.admission.try_enter(me):
                await manager.admission.moved()
    except TimeoutError as error:
        raise ApiError(
            "busy", "All places are taken; try again in a minute.", retryable=True
        ) from error


async def _speak(session: PushSession, script: RenderScript, heard: Callable[[int], None]) -> None:
    """Wait until everything has been said, reading what the session tells meanwhile."""
    if script.text:
        session.handle_event(events.TextSay(type="text.say", text=script.text))
    elif script.pcm:
        session.say_sound(script.pcm)
    else:
        raise ApiError("empty_text", "There is nothing to say: give a text or a recording.")
    loop, furthest = asyncio.get_running_loop(), 0
    try:
        async with asyncio.timeout(STALLED_SECONDS) as waiting:
            while (message := await session.send_queue.get()) is not None:
                if isinstance(message, bytes):
                    continue
                told = json.loads(message)
                if _is_over(told):
                    return
                if told.get("played_ms", 0) > furthest:
                    furthest = told["played_ms"]
                    heard(furthest)
                    waiting.reschedule(loop.time() + STALLED_SECONDS)
    except TimeoutError:
        pass
    raise ApiError("stopped", "The generator could not go on; try again.", retryable=True)


def _is_over(told: dict[str, object]) -> bool:
    """Whether a message of the session's says that all was said.

    Raises:
        UserError: it says that it was not, and will not be.
    """
    if told["type"] == "error":
        error = events.ErrorEvent.model_validate(told)
        raise ApiError(error.code, error.message, retryable=error.retryable)
    if told["type"] == "playback.finished" and told["interrupted"]:
        raise ApiError("stopped", "The generator was begun anew; try again.", retryable=True)
    if int(str(told.get("played_ms", 0))) > LONGEST_MINUTES * 60_000:
        raise ApiError("too_long", f"A video has at most {LONGEST_MINUTES} minutes.")
    return told["type"] == "playback.finished"
