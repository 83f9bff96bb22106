"""`study serve`: the pages, for votes that count or as a preview that keeps none."""

from __future__ import annotations

import argparse
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from study.commands.output import Add, say
from study.database import storage
from study.design import builder
from study.design.config import load
from study.errors import StudyError
from study.voting import lifecycle
from study.voting.context import CONFIG_NAME, STIMULI_NAME, attach, database_url

if TYPE_CHECKING:
    from study.voting.context import StudyContext

PREFIX = re.compile("(/[A-Za-z0-9._~-]+)*")


def declare(add: Add) -> None:
    """Add the command."""
    command = add("serve", _serve, "serve the voting and the administration page")
    command.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    command.add_argument("--port", type=int, default=7861, help="default: 7861")
    command.add_argument(
        "--prefix", default="", help="path below which a proxy serves it, as /study; default: none"
    )
    command.add_argument("--metrics-port", type=int, help="port of this machine for Prometheus")
    command.add_argument(
        "--preview",
        action="store_true",
        help="look at the built study before opening; keeps nothing",
    )


def warn_of_mounts(folder: Path) -> None:
    """Say that a SQLite file lies where it can lose votes."""
    path = storage.sqlite_path(database_url(load(folder / CONFIG_NAME)), folder)
    kind = storage.network_mount(path) if path else None
    if kind:
        sys.stderr.write(
            f"study: warning: {path} lies on a {kind} mount, where SQLite can lose votes; set "
            "STUDY_DATABASE to a PostgreSQL URL, or keep it on a local disk and copy it with `backup`\n"
        )


def _serve(args: argparse.Namespace) -> None:
    prefix = args.prefix.rstrip("/")
    if not PREFIX.fullmatch(prefix):
        raise StudyError(f"--prefix is {args.prefix!r}, expected a path such as /study")
    if args.preview:
        with preview(args.folder) as context:
            say("PREVIEW: every answer is thrown away at the end.")
            _run(context, args.host, args.port, prefix)
        return
    context = attach(args.folder)
    warn_of_mounts(args.folder)
    if args.metrics_port is not None:
        _show_metrics(args.metrics_port)
    _run(context, args.host, args.port, prefix)


@contextmanager
def preview(folder: Path) -> Iterator[StudyContext]:
    """The built study in a database that is gone at the end; the study itself need not be open."""
    config = load(folder / CONFIG_NAME)
    index = builder.read_index(folder / STIMULI_NAME)
    with tempfile.TemporaryDirectory() as temporary:
        url = f"sqlite:///{temporary}/preview.db"
        title = {locale: f"{text} (preview)" for locale, text in config.title.items()}
        recruitment = config.recruitment.model_copy(update={"mode": "open"})
        changes = {"title": title, "recruitment": recruitment}
        context = lifecycle.open_study(folder, config.model_copy(update=changes), index, url=url)
        try:
            yield context
        finally:
            context.store.close()


def _run(context: StudyContext, host: str, port: int, prefix: str) -> None:
    import uvicorn

    from study.server import admin_auth
    from study.server.app import create_app

    if admin_auth.expected_hash() is None:
        say(f"No administration: set {admin_auth.PASSWORD} to sign in at {prefix}/admin.")
    listening = _listen(host, port)
    settings = uvicorn.Config(
        create_app(context, prefix),
        log_config=None,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
    )
    say(f"Votes: http://{host}:{port}{prefix}/")
    uvicorn.Server(settings).run(sockets=[listening])


def _show_metrics(port: int) -> None:
    """Answer Prometheus on a port of its own, on this machine only."""
    if find_spec("prometheus_client") is None:
        raise StudyError("--metrics-port needs more packages: pip install 'flowact[metrics]'")
    from prometheus_client import start_http_server

    try:
        start_http_server(port, "127.0.0.1")
    except (OSError, OverflowError) as error:
        raise StudyError(f"port {port} cannot be used for metrics ({error})") from None


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before the pages are made, so that a taken one is noticed at once."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StudyError(
            f"{host}:{port}: cannot listen there ({reason}); choose another --host or --port"
        ) from None
