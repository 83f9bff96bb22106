"""How the live page is configured: flags, or environment variables of the same names."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast, get_args

from flowact.assets import CHECKPOINT_INDEX
from flowact.errors import UserError
from flowact.hardware.linear.switch import LINEAR_HELP, parse_linear
from flowact.live.endpoints import Endpoints, from_environment
from flowact.logs import LEVELS, LogSettings
from flowact.parallel import Exchange
from flowact.planner.multimodal import PlannerSettings, planner_settings
from flowact.presets import load_preset

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
        preset: sizes of the model; without a checkpoint of them its weights are random.
        devices: where it runs, as PyTorch names devices, with commas between.
        linear: arithmetic of the video layers; see `flowact.hardware.linear`.
        ranks: processes that share the transformer frame by frame.
        exchange: how they meet in attention.
        decoder_apart: decode in a process of its own.
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
        operations_host, operations_port: where operators are answered; nowhere without a port.
        traces: whether joins and replies are sent to an OpenTelemetry collector.
        voices: folder of Piper's voices to offer beside those of the machine.
        listen_model: folder of a Whisper model that hears on this machine.
        loopback: send pictures that are made once instead of generating any; for load tests.
        measure: have the worker find out how many sessions it bears; a fleet has so many places then.
        store: address of the Redis or Valkey in which several servers keep sessions; empty for none.
        ticket_key: signs tickets; the same for several servers behind one address, empty for a new
            one with every start.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    checkpoint: Path | None = None
    threads: int | None = None
    preset: str | None = None
    devices: str | None = None
    linear: str = "auto"
    ranks: int = 1
    exchange: Exchange = "gather"
    decoder_apart: bool = False
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
    operations_host: str = "127.0.0.1"
    operations_port: int | None = None
    traces: bool = False
    voices: Path | None = None
    listen_model: Path | None = None
    loopback: bool = False
    measure: bool = False
    store: str = field(default="", repr=False)
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
    parser.add_argument(
        "--preset", metavar="NAME", help="sizes of the model, a name or a .yaml file"
    )
    parser.add_argument("--devices", metavar="LIST", help="where it runs: cpu, or cuda:0,cuda:1")
    parser.add_argument("--linear", metavar="FORMAT", help=LINEAR_HELP)
    parser.add_argument("--ranks", metavar="N", type=int, help="processes that share the model (1)")
    parser.add_argument("--exchange", choices=get_args(Exchange), help="how they do so (gather)")
    parser.add_argument(
        "--decoder-apart", choices=("yes", "no"), help="decode in a process of its own (no)"
    )
    parser.add_argument("--sessions", metavar="N", type=int, help="visitors at the same time (2)")
    parser.add_argument("--origins", metavar="A,B", help="further origins that may connect")
    parser.add_argument("--study", metavar="DIR", type=Path, help="another study to show")
    parser.add_argument(
        "--sample-study", choices=("yes", "no"), help="without --study, show a sample (yes)"
    )
    parser.add_argument("--state", metavar="DIR", type=Path, help="where votes go (out/state)")
    parser.add_argument("--spare", choices=("yes", "no"), help="keep a second worker loaded (yes)")
    parser.add_argument("--visible-mark", choices=("yes", "no"), help='show "AI-generated" (yes)')
    _add_operations_arguments(parser)
    parser.add_argument("--open", choices=("yes", "no"), help="open it in a browser here (no)")
    _add_speech_arguments(parser)


def _add_operations_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--operations-host", help="address for operators (127.0.0.1)")
    parser.add_argument(
        "--operations-port", type=int, help="port for operators: /metrics, /healthz, /readyz (none)"
    )
    parser.add_argument(
        "--store", metavar="URL", help="Redis or Valkey where several servers keep sessions (none)"
    )
    parser.add_argument(
        "--loopback", choices=("yes", "no"), help="load no model and send a still life (no)"
    )
    parser.add_argument("--traces", choices=("yes", "no"), help="send OpenTelemetry spans (no)")


def _add_speech_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--voices", metavar="DIR", type=Path, help="Piper's voices to offer")
    parser.add_argument(
        "--listen-model", metavar="DIR", type=Path, help="a Whisper model that hears here"
    )
    parser.add_argument(
        "--check",
        action="store_const",
        const="yes",
        help="ask the configured servers and models once and end",
    )


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
    _check_model(settings)
    for option, port in (
        ("--port", settings.port),
        ("--operations-port", settings.operations_port),
    ):
        if port is not None and not 0 <= port < 65536:
            raise UserError(f"{option} must be 0 to 65535, not {port}.")
    if settings.store and not key:
        raise UserError(
            "--store needs a secret that all servers share: set FLOWACT_TICKET_KEY, for instance to "
            "what `openssl rand -hex 32` prints."
        )
    return settings


def _check_model(settings: LiveSettings) -> None:
    """Refuse at once what the worker would refuse when the page is already there."""
    if settings.preset is not None:
        load_preset(settings.preset)
    if settings.devices is not None:
        from flowact.hardware.devices import choose_devices  # which brings PyTorch

        devices = choose_devices(settings.devices)
        needed = settings.ranks + settings.decoder_apart
        if devices[0].type == "cuda" and len(set(devices)) < needed:
            raise UserError(
                f"{needed} processes need a GPU each, but --devices names {len(set(devices))}."
            )
    if settings.ranks < 1:
        raise UserError(f"--ranks must be at least 1, not {settings.ranks}.")
    parse_linear(settings.linear)


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


def _exchange(value: str) -> Exchange:
    if value not in get_args(Exchange):
        raise ValueError(value)
    return cast(Exchange, value)


_CONVERTERS: Final[dict[str, Any]] = {
    "port": int,
    "operations_port": int,
    "traces": _yes,
    "threads": int,
    "sessions": int,
    "checkpoint": Path,
    "study": Path,
    "state": Path,
    "voices": Path,
    "listen_model": Path,
    "origins": _origins,
    "sample_study": _yes,
    "spare": _yes,
    "visible_mark": _yes,
    "loopback": _yes,
    "open": _yes,
    "check": _yes,
    "ranks": int,
    "decoder_apart": _yes,
    "exchange": _exchange,
    "log_level": _level,
    "log_json": _yes,
}
