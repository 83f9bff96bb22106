"""`flowact live`: the live page, a preference study, and a page about both.

This is where the two halves of the repository meet: nothing else in FlowAct knows the study.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import sys
import webbrowser
from importlib.util import find_spec
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from flowact import assets, logs
from flowact.errors import UserError
from flowact.live.continuity.open_store import check_store
from flowact.live.protocol.events import LONGEST_APPEND
from flowact.live.server.application import create_app, mount_page
from flowact.live.server.draining import DrainingServer
from flowact.live.server.listening import listen_at
from flowact.live.settings import LiveSettings, add_arguments, from_arguments
from flowact.live.speech.check import check
from flowact.live.speech.services import SpeechRoom
from study.server.gates import BodyLimit

__all__ = ["add_arguments", "create_application", "run"]

_log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> None:
    """Build the application and serve it until it is stopped."""
    settings = from_arguments(args, os.environ)
    logs.configure(settings.log)
    if settings.check:
        asyncio.run(_check(settings))
        return
    assets.default_character()  # without one there is nobody to show
    check_store(settings)
    with _listen(settings) as listener:
        app = create_application(settings)
        config = uvicorn.Config(
            app,
            log_config=None,
            log_level="warning",
            ws_max_size=LONGEST_APPEND,
            ws_ping_interval=None,  # the page's own pings are faster to notice a lost viewer
            ws_per_message_deflate=False,  # pictures are compressed already
            timeout_graceful_shutdown=3,
            forwarded_allow_ips="127.0.0.1",
        )
        _announce(settings, listener.getsockname()[1])
        DrainingServer(config, app.state.manager).run(sockets=[listener])


async def _check(settings: LiveSettings) -> None:
    """Say of every configured server and model what it answers.

    Raises:
        UserError: one does not answer as it should.
    """
    failed, room = 0, SpeechRoom(settings.endpoints, settings.voices, settings.listen_model)
    try:
        async for line, well in check(room.services):
            sys.stdout.write(f"{'ok' if well else 'NO'}  {line}\n")
            failed += not well
    finally:
        await room.close()
    if failed:
        raise UserError(f"{failed} of the configured parts cannot be used; the log above says why.")


def create_application(settings: LiveSettings) -> FastAPI:
    """Return the whole application: the live page, the study if there is one, and the page about both.

    Raises:
        UserError: the study cannot be shown.
    """
    study = _study(settings)
    app = create_app(settings, [("Study", "study/")] if study is not None else [])
    if study is not None:  # before the page, which answers for every path below the root
        _mount_study(app, study, settings.state)
    app.add_middleware(BodyLimit, prefix="/gradio_api")  # uploads go to /v1, which counts
    return mount_page(app)


def _listen(settings: LiveSettings) -> socket.socket:
    """Take the port now, so that whoever is told of it can already connect."""
    try:
        return listen_at(settings.host, settings.port)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UserError(
            f"{settings.host} port {settings.port} cannot be used ({reason}); "
            "choose another with --port."
        ) from error


def _announce(settings: LiveSettings, port: int) -> None:
    """Say where the page is, and open it where there is a screen to open it on."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    address = f"http://{host}:{port}/"
    sys.stdout.write(f"FlowAct: {address}  (Ctrl-C ends it)\n")
    sys.stdout.flush()
    screen = (
        sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    )
    if settings.open and screen:
        webbrowser.open(address)


def _study(settings: LiveSettings) -> Path | None:
    """Return the study to show: the one that was named, or else the sample if it is wanted and there."""
    sample = assets.folder() / "study" if settings.sample_study else None
    folder = settings.study or sample
    if folder is None or not (folder.is_dir() or settings.study):
        return None
    if find_spec("sqlalchemy") is None:
        if settings.study:
            raise UserError("A study needs more packages: pip install 'flowact[study]'.")
        _log.info("the sample study is left out: the extra study is not installed")
        return None
    return folder


def _mount_study(app: FastAPI, folder: Path, state: Path) -> None:
    from study.errors import StudyError
    from study.server.app import mount

    try:
        mount(app, folder, state, home="../")
    except (StudyError, OSError) as error:
        raise UserError(f"The study in {folder} cannot be shown: {error}") from error
