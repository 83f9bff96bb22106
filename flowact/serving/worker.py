"""The worker process: it holds the model, takes commands from a pipe and sends chunks back.

It is spawned, not forked, and shares nothing with the server but the pipe. It ends when the pipe
does, and a thread of its own ends it when the server is gone and the main thread does not notice.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from dataclasses import dataclass, field
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowact import logs
from flowact.errors import UserError
from flowact.logs import LogSettings
from flowact.serving.messages import Failed, Heartbeat, Ready, Shutdown

LONGEST_SLEEP: Final = 0.25
"""Seconds between two signs of life of a worker with nothing to do."""
COMMANDS_PER_TURN: Final = 64
"""However many commands wait, sessions that are due are stepped in between."""


if TYPE_CHECKING:
    from flowact.serving.engine import Engine

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class WorkerOptions:
    """How a worker is to run.

    Attributes:
        checkpoint: folder of the weights; `None` for those that come with the repository.
        threads: processor threads; `None` for as many as there are, up to four.
        preset: sizes of the model; `None` for those of the checkpoint.
        devices: where it runs, as `--devices` says; `None` for the best that there is.
        visible_mark: write "AI-generated" into the picture.
        log: what the worker's process logs.
    """

    checkpoint: Path | None = None
    threads: int | None = None
    preset: str | None = None
    devices: str | None = None
    visible_mark: bool = True
    log: LogSettings = field(default_factory=LogSettings)


def serve(connection: Connection, options: WorkerOptions) -> None:
    """Run a worker until the pipe closes; the target of the spawned process."""
    logs.configure(options.log)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which stops us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        _serve(connection, options)
    except UserError as error:
        _log.error("the worker cannot start: %s", error)
        connection.send(Failed(str(error)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        _log.info("the server is gone, so is its worker %d", os.getpid())


def _serve(connection: Connection, options: WorkerOptions) -> None:
    from flowact.hardware.load_pipeline import load_pipeline
    from flowact.media.watermark import Watermark
    from flowact.portrait import named_portraits
    from flowact.serving.engine import Engine
    from flowact.serving.reference_cache import ReferenceCache
    from flowact.serving.warmup import warm_up

    loaded = load_pipeline(options.checkpoint, options.threads, options.preset, options.devices)
    mark = Watermark(visible=options.visible_mark)
    references = ReferenceCache(loaded.pipeline, named_portraits())
    warm_up(loaded.pipeline, mark, references)
    weights = sum(weight.numel() for weight in loaded.pipeline.transformer.parameters())
    connection.send(Ready(loaded.precision.dtype, weights))
    engine = Engine(loaded.pipeline, connection.send, mark, references)
    _loop(connection, engine)


def _loop(connection: Connection, engine: Engine) -> None:
    while True:
        connection.poll(min(engine.wait(), LONGEST_SLEEP))
        for _ in range(COMMANDS_PER_TURN):
            if not connection.poll():
                break
            command = connection.recv()
            if isinstance(command, Shutdown):
                return
            engine.handle(command)
        connection.send(Heartbeat("turn"))
        engine.advance()


def _die_with_parent() -> None:
    """End the process when its parent has, even while the main thread computes or hangs."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(0)
