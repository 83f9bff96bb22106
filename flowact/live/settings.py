"""How the live page is configured: flags, or environment variables of the same names."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from flowact.assets import CHECKPOINT_INDEX
from flowact.errors import UserError
from flowact.live.endpoints import Endpoints, from_environment
from flowact.logs import LEVELS, LogSettings
from flowact.planner.multimodal import PlannerSettings, planner_settings

_ENVIRONMENT: Final = "FLOWACT_"
SERVER_LOG: Final = LogSettings("info")
NO_ENDPOINTS: Final = Endpoints()


@dataclass(frozen=True)
class LiveSettings:
    """Everything that the owner of a page may choose.

    Attributes:
        host, port: where to listen.
        checkpoint: folder of the weights; `None` for those of the repository.
        threads: processor threads of the worker.
        sessions: visitors who see an avatar at the same time; more wait.
        origins: further origins that may connect, besides the page's own.
        spare: keep a second worker loaded, for the case that the first one dies.
        visible_mark: write "AI-generated" into the picture.
        study: folder of a preference study to show; `None` for the sample study.
        sample_study: whether that one is shown.
        state: folder that the study's votes are written to.
        open: show the page in a browser of this machine, where there is a screen.
        check: ask the configured servers once, say what came of it, and end.
        log: what the server and its worker log.
        endpoints: servers that hear, answer and speak.
        ticket_key: signs tickets; the same for several servers behind one address, empty for a new
            one with every start.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    checkpoint: Path | None = None
    threads: int | None = None
    sessions: int = 2
    origins: tuple[str, ...] = ()
    spare: bool = True
    visible_mark: bool = True
    study: Path | None = None
    sample_study: bool = True
    state: Path = Path("out/state")
    open: bool = False
    check: bool = False
    log: LogSettings = SERVER_LOG
    endpoints: Endpoints = NO_ENDPOINTS
    ticket_key: str = field(default="", repr=False)
    planner: PlannerSettings = field(default_factory=PlannerSettings)
    api_keys: tuple[str, ...] = field(default=(), repr=False)


EPILOG: Final = (
    "Every option can be given as an environment variable too, FLOWACT_PORT for --port and so on. "
    "A language model answers in conversation when FLOWACT_OPENAI_BASE_URL is set (with "
    "FLOWACT_OPENAI_API_KEY); FLOWACT_CHAT_*, FLOWACT_TRANSCRIPTION_* and FLOWACT_SPEECH_* name a "
    "server, key and model for each part: see docs/conversation.md. Several servers behind one address need "
    "the same secret in FLOWACT_TICKET_KEY. FLOWACT_API_KEYS holds the secrets, separated by commas, "
    "of programs that may make sessions under /v1."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact live`."""
    parser.epilog = EPILOG
    parser.add_argument("--host", help="address to listen on (127.0.0.1; 0.0.0.0 for all)")
    parser.add_argument("--port", type=int, help="port to listen on (7860)")
    parser.add_argument("--checkpoint", metavar="DIR", type=Path, help="other weights")
    parser.add_argument("--threads", metavar="N", type=int, help="processor threads (up to 4)")
    parser.add_argument("--sessions", metavar="N", type=int, help="visitors at the same time (2)")
    parser.add_argument("--origins", metavar="A,B", help="further origins that may connect")
    parser.add_argument("--study", metavar="DIR", type=Path, help="another study to show")
    parser.add_argument(
        "--sample-study", choices=("yes", "no"), help="without --study, show a sample (yes)"
    )
    parser.add_argument("--state", metavar="DIR", type=Path, help="where votes go (out/state)")
    parser.add_argument("--spare", choices=("yes", "no"), help="keep a second worker loaded (yes)")
    parser.add_argument("--visible-mark", choices=("yes", "no"), help='show "AI-generated" (yes)')
    parser.add_argument(
        "--check", action="store_const", const="yes", help="ask the configured servers once and end"
    )
    parser.add_argument("--open", choices=("yes", "no"), help="open it in a browser here (no)")


def from_arguments(args: argparse.Namespace, environment: Mapping[str, str]) -> LiveSettings:
    """Join flags, which win, with the environment.

    Raises:
        UserError: a value that makes no sense.
    """
    given = {name: _value(name, args, environment) for name in vars(args)}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    key = environment.get("FLOWACT_TICKET_KEY", "")
    named = environment.get("FLOWACT_API_KEYS", "").split(",")
    api_keys = tuple(each.strip() for each in named if each.strip())
    log = LogSettings(chosen.pop("log_level", SERVER_LOG.level), chosen.pop("log_json", False))
    settings = LiveSettings(
        **chosen,
        log=log,
        endpoints=from_environment(environment),
        ticket_key=key,
        planner=planner_settings(environment),
        api_keys=api_keys,
    )
    if settings.sessions < 1:
        raise UserError(f"--sessions must be at least 1, not {settings.sessions}.")
    checkpoint = settings.checkpoint
    if checkpoint is not None and not (checkpoint / CHECKPOINT_INDEX).is_file():
        raise UserError(f"There is no checkpoint in {checkpoint}: {CHECKPOINT_INDEX} is missing.")
    if settings.threads is not None and settings.threads < 1:
        raise UserError(f"--threads must be at least 1, not {settings.threads}.")
    if not 0 <= settings.port < 65536:
        raise UserError(f"--port must be 0 to 65535, not {settings.port}.")
    return settings


def _value(name: str, args: argparse.Namespace, environment: Mapping[str, str]) -> Any:
    value = getattr(args, name)
    if value is None:
        value = environment.get(_ENVIRONMENT + name.upper()) or None
    if value is None:
        return None
    try:
        return _CONVERTERS.get(name, str)(value)
    except ValueError as error:
        raise UserError(f"{_ENVIRONMENT}{name.upper()} cannot be {value!r}.") from error


def _yes(value: str) -> bool:
    if value.lower() not in ("yes", "no", "1", "0", "true", "false"):
        raise ValueError(value)
    return value.lower() in ("yes", "1", "true")


def _origins(value: str) -> tuple[str, ...]:
    return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())


def _level(value: str) -> str:
    if value.lower() not in LEVELS:
        raise ValueError(value)
    return value.lower()


_CONVERTERS: Final[dict[str, Any]] = {
    "port": int,
    "threads": int,
    "sessions": int,
    "checkpoint": Path,
    "study": Path,
    "state": Path,
    "origins": _origins,
    "sample_study": _yes,
    "spare": _yes,
    "visible_mark": _yes,
    "open": _yes,
    "check": _yes,
    "log_level": _level,
    "log_json": _yes,
}
