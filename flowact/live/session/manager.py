"""What all sessions share: the worker, the places, the voices, the uploads, the tickets."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact import assets
from flowact.errors import UserError
from flowact.live.access.admission import Admission
from flowact.live.access.places import Place
from flowact.live.access.reservations import Reservations
from flowact.live.access.tickets import Tickets
from flowact.live.access.uploads import Uploads
from flowact.live.continuity.kept_session import SessionOrigin
from flowact.live.continuity.open_store import open_store
from flowact.live.observation.events import Moved, Observers, WorkerReplaced
from flowact.live.observation.session_watch import Arrival
from flowact.live.persona import NOBODY, Persona, read_persona
from flowact.live.protocol import events
from flowact.live.session.live_session import LiveSession
from flowact.live.session.moves import SessionMoves
from flowact.live.session.session import SessionServices, ViewerSession
from flowact.live.settings import LiveSettings
from flowact.live.speech.services import SpeechRoom
from flowact.live.speech.tts import TTSEngine
from flowact.planner import Planner, RuleBasedPlanner
from flowact.planner.multimodal import MultimodalPlanner, PlannerEndpoint
from flowact.portrait import load_reference
from flowact.serving.messages import (
    Codec,
    Command,
    Create,
    Departed,
    MediaSegment,
    Ready,
    SessionError,
)
from flowact.serving.supervision.reports import (
    Report,
    SessionsMoved,
    SnapshotTaken,
    WorkerRestarted,
    WorkerUnavailable,
)
from flowact.serving.supervision.supervisor import Supervisor
from flowact.serving.worker import WorkerOptions

_log = logging.getLogger(__name__)

GIVEN_UP: Final = "The generator could not go on; start again, please."
GRACE_SECONDS: Final = 20.0
"""How long a session waits for a viewer who lost the connection."""
_TIDY_SECONDS: Final = 2.0


class SessionManager:
    """Opened when the server starts, closed when it ends.

    Attributes:
        settings: what the owner chose.
        tickets, admission, uploads, speech: see their classes.
        services: what sessions share.
        sessions: sessions by name.
        ready: what the worker said when it was loaded.
        down: why there is no worker, if there is none.
        observers: hear of what happens to sessions and the worker.
        moves: what sessions have to do with other servers.
        reservations: where a fleet's gateway gives the places away, those that it has given.
    """

    def __init__(self, settings: LiveSettings, reservations: Reservations | None = None) -> None:
        self.settings, self.reservations = settings, reservations
        key = settings.ticket_key.encode()
        self.tickets, self.uploads = Tickets(key) if key else Tickets(), Uploads()
        self.admission = Admission(settings.sessions)
        self.speech = SpeechRoom(settings.endpoints, settings.voices, settings.listen_model)
        self.sessions: dict[str, LiveSession] = {}
        self.observers = Observers()
        self.services = SessionServices(
            self.send, self.uploads, self.speech.services, self.observers.tell
        )
        self.moves = SessionMoves(
            open_store(settings), self.sessions, self.observers.tell, self.end
        )
        self._plans = PlannerEndpoint(settings.planner)
        self.ready: Ready | None = None
        self.down: str | None = None
        self._portraits: dict[str, NDArray[np.uint8]] = {}
        self._portrait_bytes: dict[str, bytes] = {}
        self._supervisor: Supervisor | None = None
        self._tidier: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Start the worker; called in the server's event loop."""
        loop = asyncio.get_running_loop()

        def report(event: Report) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there any more
                loop.call_soon_threadsafe(self._receive, event)

        settings = self.settings
        options = WorkerOptions(
            settings.checkpoint,
            settings.threads,
            settings.preset,
            settings.devices,
            settings.visible_mark,
            settings.log,
            settings.ranks,
            settings.exchange,
            settings.decoder_apart,
            settings.linear,
            settings.loopback,
            settings.measure,
        )
        self._supervisor = Supervisor(options, report, spare=settings.spare)
        self._tidier = asyncio.create_task(self._tidy_forever())
        self._warming = asyncio.create_task(self.speech.warm_up())

    async def close(self) -> None:
        """End all sessions, the worker and the helper; delete all uploads."""
        for task in (self._tidier, self._warming):
            if task is not None:
                task.cancel()
        for session in list(self.sessions.values()):
            await self.end(session)
        if self._supervisor is not None:
            await asyncio.to_thread(self._supervisor.close)
        await self.speech.close()
        await self._plans.close()
        await self.moves.close()
        self.uploads.close()

    async def renew(self) -> bool:
        """Move all sessions to a fresh worker with the weights that are there now; nobody notices.

        False if none can be loaded: then nothing has changed.
        """
        if self._supervisor is None:
            return False
        return await asyncio.to_thread(self._supervisor.renew)

    def send(self, command: Command) -> None:
        """Pass a command to the worker."""
        if self._supervisor is not None:
            self._supervisor.send(command)

    @property
    def obstacle(self) -> str | None:
        """Why nobody should be sent here, in one sentence; `None` if visitors are welcome."""
        if self.down is not None:
            return self.down
        if self.moves.draining:
            return "This server gives its sessions away and takes no new ones."
        return "The worker is loading the model." if self.ready is None else None

    @property
    def busy(self) -> float:
        """Share of the last seconds in which the worker computed, 0 to 1."""
        return self._supervisor.busy if self._supervisor is not None else 0.0

    @property
    def spare_ready(self) -> bool:
        """Whether a second worker stands by."""
        return self._supervisor is not None and self._supervisor.spare_ready

    @property
    def settled(self) -> bool:
        """Whether everything is loaded, the spare worker too when there is to be one."""
        return self._supervisor is not None and self.ready is not None and self._supervisor.settled

    def begin(
        self,
        visitor: str,
        character: str,
        upload: str,
        codec: Codec,
        arrival: Arrival,
    ) -> ViewerSession:
        """Begin a session for a visitor who has a place.

        Raises:
            UserError: no such character or picture, or there is no worker.
        """
        picture = self.picture(visitor, character, upload)
        planner = self.planner(picture, arms=not upload)  # a stranger's would be made up
        persona = self.persona(character, uploaded=bool(upload))
        name = secrets.token_hex(8)
        session = ViewerSession(name, visitor, self.services, planner, persona, codec=codec)
        seed = self.enter(session, picture, codec, arrival)
        origin = SessionOrigin(session.name, visitor, character, bool(upload), seed, codec)
        self.moves.begin(session, origin, picture)
        return session

    async def adopt(self, name: str, arrival: Arrival) -> ViewerSession | None:
        """Go on with a session that another server had; `None` if it is kept nowhere."""
        found = await self.moves.claim(name) if self.down is None else None
        if found is None:
            return None
        kept, sent = found
        origin = kept.origin
        try:
            picture = self.portrait(origin.character) if sent is None else sent
        except UserError as error:
            _log.error("session %s was another server's, and cannot go on here: %s", name, error)
            return None
        planner = self.planner(picture, arms=not origin.uploaded)
        persona = self.persona(origin.character, uploaded=origin.uploaded)
        visitor, codec = origin.visitor, origin.codec
        session = ViewerSession(name, visitor, self.services, planner, persona, codec=codec)
        self.sessions[name] = session
        session.watch.arrived(arrival)
        _log.info("session %s goes on here; %d servers have had it", name, origin.generation)
        self.send(kept.create(self._rgb(picture)))
        session.go_on(kept.viewer, kept.epoch, kept.resume.source)
        self.moves.adopted(session, arrival.at)
        return session

    async def drain(self) -> None:
        """Give every session away, and take no new ones."""
        if self._supervisor is not None:
            await self.moves.drain(self._supervisor.depart)

    def move(self, session: str, place: Place) -> bool:
        """Let a session go on at another server, where it has a place; false if there is no such session."""
        supervisor = self._supervisor
        return supervisor is not None and self.moves.move(session, place, supervisor.depart)

    def planner(self, picture: NDArray[np.uint8], *, arms: bool = True) -> Planner:
        """Return what chooses the actions of a new session: rules, and a model over them if there is one."""
        rules = RuleBasedPlanner(arms=arms)
        if not self._plans.settings.configured:
            return rules
        return MultimodalPlanner(self._plans, picture, rules)

    def picture(self, visitor: str, character: str, upload: str) -> NDArray[np.uint8]:
        """Return the picture of a visitor's or of a character, uint8 `[480, 480, 3]`.

        Raises:
            UserError: there is none of that name.
        """
        return self.uploads.picture(visitor, upload) if upload else self.portrait(character)

    def persona(self, character: str, *, uploaded: bool) -> Persona:
        """Return who a character is in a conversation; somebody's own picture is nobody in particular."""
        return NOBODY if uploaded else read_persona(self._character(character))

    def enter(
        self,
        session: LiveSession,
        picture: NDArray[np.uint8],
        codec: Codec,
        arrival: Arrival | None = None,
    ) -> int:
        """Let a session that has a place begin at the worker; without an `arrival` nobody watches it.

        Returns the seed of its random numbers.

        Raises:
            UserError: there is no worker.
        """
        if self.down is not None:
            raise UserError(self.down)
        self.sessions[session.name] = session
        if arrival is not None:
            session.watch.arrived(arrival)
        session.welcome(picture)
        seed = secrets.randbelow(2**31)
        _log.info("session %s begins", session.name)
        self.send(Create(session.name, self._rgb(picture), seed, "idling", codec))
        return seed

    async def end(self, session: LiveSession) -> None:
        """End a session and give its place to the next in line."""
        if self.sessions.pop(session.name, None) is not None:
            session.close()
            self.moves.over(session)
            if self.reservations is not None:
                self.reservations.ended(session.name)
            _log.info("session %s is over", session.name)
            await self.admission.leave()

    def portrait(self, character: str) -> NDArray[np.uint8]:
        """Return the picture of a character, uint8 `[480, 480, 3]`.

        Raises:
            UserError: there is no such character.
        """
        found = self._character(character)
        if found.name not in self._portraits:
            self._portraits[found.name] = load_reference(found.portrait)
        return self._portraits[found.name]

    def _rgb(self, picture: NDArray[np.uint8]) -> bytes:
        """A picture's bytes; those of a character are the same ones for all of its visitors."""
        for name, portrait in self._portraits.items():
            if portrait is picture:
                if name not in self._portrait_bytes:
                    self._portrait_bytes[name] = picture.tobytes()
                return self._portrait_bytes[name]
        return picture.tobytes()

    @property
    def engines(self) -> Mapping[str, TTSEngine]:
        """Voices by name, the best first."""
        return self.speech.services.engines

    def _character(self, name: str) -> assets.Character:
        return assets.character(name) if name else assets.default_character()

    def _receive(self, report: Report) -> None:
        self._observe(report)
        match report:
            case MediaSegment(session=name):
                if name in self.sessions:
                    self.sessions[name].send_segment(report)
            case SessionError(session=name, message=message, fatal=fatal):
                _log.warning("session %s: %s", name, message)
                self._session_error(name, fatal)
            case WorkerRestarted(sessions=names):
                for name in names:
                    if name in self.sessions:
                        self.sessions[name].restarted()
            case Ready():
                _log.info("the worker is ready: %s", report.dtype)
                self.ready = report
            case WorkerUnavailable(message=message):
                self.down = message
                for session in self.sessions.values():
                    session.tell(events.error_event(UserError(message)))

    def _observe(self, report: Report) -> None:
        """Tell operators what concerns the worker as a whole, and keep or move sessions."""
        match report:
            case WorkerRestarted(kind=kind):
                self.observers.tell(WorkerReplaced(kind))
            case Departed():
                self.moves.departed(report)
            case SnapshotTaken(create=create):
                self.moves.keep(create)
            case SessionsMoved(sessions=count, seconds=seconds):
                self.observers.tell(Moved("renewal", count, seconds))

    def _session_error(self, name: str, fatal: bool) -> None:
        session = self.sessions.get(name)
        if session is None:
            return
        if fatal:
            session.tell(events.error_event(UserError(GIVEN_UP)))
            session.send_queue.close()
        else:
            session.tell(events.NoticeEvent(message="The picture had to be begun anew."))

    async def _tidy_forever(self) -> None:
        while True:
            await asyncio.sleep(_TIDY_SECONDS)
            now = time.monotonic()
            for session in list(self.sessions.values()):
                if session.left is not None and now - session.left > GRACE_SECONDS:
                    await self.end(session)
            self.uploads.discard_unused({session.visitor for session in self.sessions.values()})
