"""What all visits share: the worker, the places, the voices, the uploads, the tickets."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact import assets
from flowact.errors import UserError
from flowact.live.access.admission import Admission
from flowact.live.access.tickets import Tickets
from flowact.live.access.uploads import Uploads
from flowact.live.session.session import SessionServices, Visit
from flowact.live.settings import LiveSettings
from flowact.live.speech.openai_client import EndpointClient
from flowact.live.speech.tts import Engine, find_engines, make_helper, warm_up
from flowact.media import load_reference
from flowact.serving.messages import Codec, Command, Create, Piece, Ready, Trouble
from flowact.serving.supervisor import Down, Report, Restarted, Supervisor
from flowact.serving.worker import WorkerOptions

GRACE_SECONDS: Final = 20.0
"""How long a session waits for a viewer who lost the connection."""
HELPER_SECONDS: Final = 3.0
_TIDY_SECONDS: Final = 2.0


class House:
    """Opened when the server starts, closed when it ends.

    Attributes:
        settings: what the owner chose.
        tickets, admission, uploads, client: see their classes.
        engines: voices by name.
        visits: sessions by name.
        ready: what the worker said when it was loaded.
        down: why there is no worker, if there is none.
    """

    def __init__(self, settings: LiveSettings) -> None:
        self.settings = settings
        key = settings.ticket_key.encode()
        self.tickets, self.uploads = Tickets(key) if key else Tickets(), Uploads()
        self.admission = Admission(settings.sessions)
        self.client = EndpointClient(settings.endpoint)
        self._helper = make_helper()
        self.engines: dict[str, Engine] = find_engines(self.client, self._helper)
        self.visits: dict[str, Visit] = {}
        self._services = SessionServices(self.send, self.uploads, self.engines, self.client)
        self.ready: Ready | None = None
        self.down: str | None = None
        self._portraits: dict[str, NDArray[np.uint8]] = {}
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
        options = WorkerOptions(settings.checkpoint, settings.threads, settings.visible_mark)
        self._supervisor = Supervisor(options, report, spare=settings.spare)
        self._tidier = asyncio.create_task(self._tidy_forever())
        self._warming = asyncio.create_task(warm_up(self.engines))

    async def close(self) -> None:
        """End all sessions, the worker and the helper; delete all uploads."""
        for task in (self._tidier, self._warming):
            if task is not None:
                task.cancel()
        for visit in list(self.visits.values()):
            await self.end(visit)
        if self._supervisor is not None:
            await asyncio.to_thread(self._supervisor.close)
        with contextlib.suppress(TimeoutError):  # a voice that hangs ends with this process
            ending = asyncio.to_thread(self._helper.shutdown, cancel_futures=True)
            await asyncio.wait_for(ending, HELPER_SECONDS)
        self.uploads.close()

    def send(self, command: Command) -> None:
        """Pass a command to the worker."""
        if self._supervisor is not None:
            self._supervisor.send(command)

    @property
    def settled(self) -> bool:
        """Whether everything is loaded, the spare worker too when there is to be one."""
        supervisor = self._supervisor
        if supervisor is None or self.ready is None:
            return False
        return supervisor.spare_ready or not self.settings.spare

    def begin(self, visitor: str, character: str, upload: str, codec: Codec) -> Visit:
        """Begin a session for a visitor who has a place.

        Raises:
            UserError: no such character or picture, or there is no worker.
        """
        if self.down is not None:
            raise UserError(self.down)
        picture = self.uploads.picture(visitor, upload) if upload else self.portrait(character)
        visit = Visit(secrets.token_hex(8), visitor, self._services)
        self.visits[visit.name] = visit
        visit.welcome(picture)
        seed = secrets.randbelow(2**31)
        self.send(Create(visit.name, picture.tobytes(), seed, "idling", codec))
        return visit

    async def end(self, visit: Visit) -> None:
        """End a session and give its place to the next in line."""
        if self.visits.pop(visit.name, None) is not None:
            visit.close()
            await self.admission.leave()

    def portrait(self, character: str) -> NDArray[np.uint8]:
        """Return the picture of a character, uint8 `[480, 480, 3]`.

        Raises:
            UserError: there is no such character.
        """
        found = assets.character(character) if character else assets.default_character()
        if found.name not in self._portraits:
            self._portraits[found.name] = load_reference(found.portrait)
        return self._portraits[found.name]

    def _receive(self, report: Report) -> None:
        match report:
            case Piece(session=name):
                if name in self.visits:
                    self.visits[name].show(report)
            case Trouble(session=name, fatal=fatal):
                self._trouble(name, fatal)
            case Restarted(sessions=names):
                for name in names:
                    if name in self.visits:
                        self.visits[name].restarted()
            case Ready():
                self.ready = report
            case Down(message=message):
                self.down = message
                for visit in self.visits.values():
                    visit.tell("error", text=message)

    def _trouble(self, name: str, fatal: bool) -> None:
        visit = self.visits.get(name)
        if visit is None:
            return
        if fatal:
            visit.tell("error", text="The generator could not go on; start again, please.")
            visit.outbox.close()
        else:
            visit.tell("notice", text="The picture had to be begun anew.")

    async def _tidy_forever(self) -> None:
        while True:
            await asyncio.sleep(_TIDY_SECONDS)
            now = time.monotonic()
            for visit in list(self.visits.values()):
                if visit.left is not None and now - visit.left > GRACE_SECONDS:
                    await self.end(visit)
            self.uploads.discard_unused({visit.visitor for visit in self.visits.values()})
