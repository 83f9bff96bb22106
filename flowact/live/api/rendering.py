"""One sentence or one recording as an mp4 file, made by a live session that nobody watches."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from flowact.errors import UserError
from flowact.live.api import events
from flowact.live.api.avatar_session import PushSession
from flowact.live.api.problem import ApiError
from flowact.live.server.provenance import provenance
from flowact.live.session.manager import SessionManager
from flowact.live.session.recorder import to_mp4

LONGEST_SECONDS: Final = 150.0
"""A recording keeps three minutes."""
PATIENCE: Final = 30.0
"""Seconds for a place to become free."""


async def render(
    manager: SessionManager,
    *,
    character: str = "",
    text: str = "",
    pcm: bytes = b"",
    voice: str = "",
    action: str = "",
) -> bytes:
    """Return a video of what is said; it takes a place, and as long as the speech lasts.

    Args:
        manager: of the server.
        character: who speaks; the default one without it.
        text: what is said, at most 1000 characters; either this or `pcm`.
        pcm: 16-bit mono sound at 16 kHz.
        voice: speaks the text; the best one without it.
        action: what the person does at first, in words.

    Raises:
        UserError: no place, no such character or voice, nothing to say, or too much.
    """
    if len(pcm) > 32_000 * LONGEST_SECONDS or len(text) > events.LONGEST_TEXT:
        raise ApiError(
            "too_long",
            f"At most {events.LONGEST_TEXT} characters or {LONGEST_SECONDS:.0f} s of sound at once.",
        )
    picture = manager.picture("", character, "")
    await _place(manager)
    session = PushSession(secrets.token_hex(8), "", "h264", manager.send, manager.engines, voice)
    try:
        manager.enter(session, picture, "h264")
    except BaseException:
        session.close()
        await manager.admission.leave()
        raise
    try:
        if action:
            session.handle_event(events.ActionSet(type="action.set", text=action))
        await _speak(session, text, pcm)
        return await asyncio.to_thread(to_mp4, session.recorder.kept(), provenance(session.name))
    finally:
        await manager.end(session)


async def _place(manager: SessionManager) -> None:
    try:
        async with asyncio.timeout(PATIENCE), manager.admission.line() as me:
            while not manager.admission.try_enter(me):
                await manager.admission.moved()
    except TimeoutError as error:
        raise ApiError(
            "busy", "All places are taken; try again in a minute.", retryable=True
        ) from error


async def _speak(session: PushSession, text: str, pcm: bytes) -> None:
    """Wait until everything has been said, reading what the session tells meanwhile."""
    if text:
        session.handle_event(events.TextSay(type="text.say", text=text))
    elif pcm:
        session.say_sound(pcm)
    else:
        raise ApiError("empty_text", "There is nothing to say: give a text or a recording.")
    async with asyncio.timeout(LONGEST_SECONDS + PATIENCE):
        while (message := await session.send_queue.get()) is not None:
            if not isinstance(message, str):
                continue
            if '"playback.finished"' in message:
                return
            if message.startswith('{"type":"error"'):
                raise UserError(events.ErrorEvent.model_validate_json(message).message)
    raise UserError("The generator could not go on; try again.")
