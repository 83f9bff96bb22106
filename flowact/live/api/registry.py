"""Sessions of `/v1` from the moment they are made until they end, joined or not."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from flowact.errors import UserError
from flowact.live.api.avatar_session import PushSession
from flowact.live.api.credentials import CLIENT
from flowact.live.api.models import FIRST_USE_SECONDS, SessionSpec, SessionStanding
from flowact.live.observation.session_watch import Arrival, SessionWatch
from flowact.live.persona import Persona
from flowact.live.protocol import events
from flowact.live.protocol.problem import ApiError, check_voice
from flowact.live.session.manager import SessionManager
from flowact.live.session.session import ViewerSession

ApiSession = PushSession | ViewerSession
MOST_RESERVED: Final = 200
_State = Literal["waiting_for_client", "in_line", "live", "disconnected"]


@dataclass
class Reservation:
    """A session that was made.

    Attributes:
        id: of the session, here and at the worker.
        spec: what was asked for.
        visitor: owner of its picture.
        upload: name of the picture, empty for a character.
        expires_at: when it ends by itself.
        token_used: its first client has come.
        joined: it has begun.
    """

    id: str
    spec: SessionSpec
    visitor: str
    upload: str
    expires_at: datetime
    token_used: bool = False
    joined: bool = False
    ending: asyncio.TimerHandle | None = field(default=None, repr=False)


class SessionRegistry:
    """All sessions of programs.

    Args:
        manager: where they live once somebody has joined.
    """

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager
        self._reservations: dict[str, Reservation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def make(self, spec: SessionSpec) -> tuple[Reservation, str]:
        """Reserve a session; return it with the token that its client joins with.

        Raises:
            UserError: no such character, picture or voice, or far too many sessions.
        """
        self.forget_over()
        if len(self._reservations) >= MOST_RESERVED:
            raise ApiError(
                "too_many_sessions", "Too many sessions are open.", status=429, retryable=True
            )
        visitor, _, upload = spec.picture_id.partition(".")
        visitor = visitor or secrets.token_hex(8)
        try:
            self._manager.picture(visitor, spec.character, upload)
        except UserError as error:
            raise ApiError("unknown_picture", str(error), status=404) from error
        check_voice(spec.voice, self._manager.engines)
        loop = asyncio.get_running_loop()
        expires = datetime.now(UTC) + timedelta(seconds=spec.ttl_s)
        made = Reservation(secrets.token_hex(8), spec, visitor, upload, expires)
        made.ending = loop.call_later(spec.ttl_s, self._expire, made.id)
        self._reservations[made.id] = made
        # Who never comes holds nothing for long.
        loop.call_later(FIRST_USE_SECONDS + 5, self._forget_unused, made.id)
        token = self._manager.tickets.issue(CLIENT, made.id, FIRST_USE_SECONDS)
        return made, token

    def find(self, name: str) -> Reservation:
        """Return a session that has not ended.

        Raises:
            ApiError: there is none of that id.
        """
        self.forget_over()
        found = self._reservations.get(name)
        if found is None:
            raise ApiError(
                "unknown_session", "There is no such session; it may be over.", status=404
            )
        return found

    def claim(self, name: str, codec: Literal["", "h264", "jpeg"]) -> Reservation:
        """Let a session's first client come, who may say what it decodes.

        Raises:
            ApiError: the session is over, or somebody came before.
        """
        found = self.find(name)
        if found.token_used:
            raise ApiError(
                "token_used",
                "This client token was used before; make another session.",
                status=401,
                fatal=True,
            )
        found.token_used = True
        if codec:
            found.spec = found.spec.model_copy(update={"codec": codec})
        return found

    def begin(self, reservation: Reservation, arrival: Arrival) -> ApiSession:
        """Begin a session that has a place.

        Raises:
            UserError: its picture is gone, or there is no worker.
        """
        manager, spec = self._manager, reservation.spec
        picture = manager.picture(reservation.visitor, spec.character, reservation.upload)
        planner = manager.planner(picture, arms=not reservation.upload)
        session: ApiSession
        if spec.mode == "agent":
            session = ViewerSession(
                reservation.id,
                reservation.visitor,
                manager.services,
                planner,
                _asked(spec, manager.persona(spec.character, uploaded=bool(reservation.upload))),
                spec.voice,
                spec.language,
                spec.codec,
                recast=True,
            )
        else:
            session = PushSession(
                reservation.id,
                reservation.visitor,
                spec.codec,
                manager.send,
                manager.engines,
                spec.voice,
                manager.uploads.discard,
                planner,
                SessionWatch(manager.observers.tell),
            )
        manager.enter(session, picture, spec.codec, arrival)
        reservation.joined = True
        return session

    def session(self, reservation: Reservation) -> ApiSession | None:
        """Return the session that lives, if it does."""
        return self.live(reservation.id)

    def live(self, name: str) -> ApiSession | None:
        """Return a session that lives, whoever made it."""
        found = self._manager.sessions.get(name)
        return found if isinstance(found, PushSession | ViewerSession) else None

    def state(self, reservation: Reservation) -> SessionStanding:
        """Say where a session stands."""
        session = self.session(reservation)
        state: _State = "in_line" if reservation.token_used else "waiting_for_client"
        if session is not None:
            state = "live" if session.left is None else "disconnected"
        return SessionStanding(
            id=reservation.id,
            state=state,
            mode=reservation.spec.mode,
            expires_at=reservation.expires_at,
        )

    def forget(self, reservation: Reservation) -> None:
        """A session is over."""
        self._reservations.pop(reservation.id, None)
        if reservation.ending is not None:
            reservation.ending.cancel()
        if reservation.upload:
            self._manager.uploads.discard(reservation.visitor)

    async def end(self, reservation: Reservation) -> None:
        """End a session, wherever it stands."""
        session = self.session(reservation)
        self.forget(reservation)
        if session is not None:
            await self._manager.end(session)

    def forget_over(self) -> None:
        """Sessions end in many ways: with their viewer, with the worker, or when nobody comes back."""
        for reservation in list(self._reservations.values()):
            if reservation.joined and self.session(reservation) is None:
                self.forget(reservation)

    def _expire(self, name: str) -> None:
        reservation = self._reservations.get(name)
        if reservation is None:
            return
        session = self.session(reservation)
        if session is not None:
            session.tell(events.error_event(UserError("The session's time is over."), fatal=True))
        self._later(self.end, reservation)

    def _forget_unused(self, name: str) -> None:
        reservation = self._reservations.get(name)
        if reservation is not None and not reservation.token_used:
            self.forget(reservation)

    def _later(self, end: Callable[[Reservation], object], reservation: Reservation) -> None:
        task = asyncio.create_task(self.end(reservation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _asked(spec: SessionSpec, card: Persona) -> Persona:
    """Return who is to converse: the card's greeting is for the card's persona alone."""
    if spec.persona:
        return replace(card, description=spec.persona, greeting=spec.greeting)
    return replace(card, greeting=spec.greeting or card.greeting)
