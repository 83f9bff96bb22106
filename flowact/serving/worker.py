"""The worker process: it holds the model, takes commands from a pipe and sends chunks back.

It shares nothing with the server but the pipe; see `flowact.parallel.launch`. It ends when the pipe
does, and a thread of its own ends it when the server is gone and the main thread does not notice.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowact import logs
from flowact.errors import UserError
from flowact.logs import LogSettings
from flowact.parallel import Exchange
from flowact.processes import end_with_parent, keep_what_is_loaded
from flowact.serving.messages import Failed, Heartbeat, Ready, Shutdown

LONGEST_SLEEP: Final = 0.25
"""Seconds between two signs of life of a worker with nothing to do."""
COMMANDS_PER_TURN: Final = 64
"""However many commands wait, sessions that are due are stepped in between."""


if TYPE_CHECKING:
    from flowact.hardware.load_pipeline import Loaded
    from flowact.hardware.precision import PrecisionPlan
    from flowact.parallel.group import Group
    from flowact.parallel.lockstep import Alone, Stepper
    from flowact.parallel.membership import Lead, Membership
    from flowact.serving.engine import Engine
    from flowact.serving.loopback import LoopbackEngine

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
        ranks: processes that share the transformer.
        exchange: how they meet in attention: `gather` or `ulysses`.
        decoder_apart: decode in a process of its own.
        linear: arithmetic of the video layers, as `--linear` says.
        loopback: load no model; see `flowact.serving.loopback`.
        measure: find out how many sessions it bears, before it is ready.
    """

    checkpoint: Path | None = None
    threads: int | None = None
    preset: str | None = None
    devices: str | None = None
    visible_mark: bool = True
    log: LogSettings = field(default_factory=LogSettings)
    ranks: int = 1
    exchange: Exchange = "gather"
    decoder_apart: bool = False
    linear: str = "auto"
    loopback: bool = False
    measure: bool = False

    def device(self, place: int) -> str | None:
        """The device of a rank, or with -1 of the decoder; on processors they may share one."""
        names = self.devices.split(",") if self.devices else []
        return names[place if place < 0 else place % len(names)] if names else None


def serve(connection: Connection, options: WorkerOptions, lead: Lead | None = None) -> None:
    """Run a worker until the pipe closes; the target of its process."""
    _begin(options)
    try:
        if options.loopback:
            _serve_loopback(connection)
        else:
            _serve(connection, options, lead)
    except UserError as error:
        _log.error("the worker cannot start: %s", error)
        connection.send(Failed(str(error)))
    except (EOFError, ConnectionError):
        _log.info("the server or a process of its group is gone, so is worker %d", os.getpid())


def follow_worker(leader: Connection, options: WorkerOptions, membership: Membership) -> None:
    """Share the transformer of a worker until it is gone; the target of the other ranks' processes."""
    _begin(options)
    from flowact.parallel.group import joined
    from flowact.parallel.lockstep import follow

    try:
        loaded = _answered(leader, options, options.device(membership.rank))
        with joined(membership, loaded.pipeline.device) as group:
            follow(leader, _sharing(loaded, group, options))
    except UserError:
        leader.poll(None)  # the leader says so; until it is gone, the group is whole
    except (EOFError, ConnectionError):
        _log.info("the leader is gone, so is its rank %d", membership.rank)


def decode_worker(leader: Connection, options: WorkerOptions) -> None:
    """Decode for a worker until it is gone; the target of the decoder's process."""
    _begin(options)
    from flowact.pipeline.remote_decoder import serve_decoder

    try:
        pipeline = _answered(leader, options, options.device(-1)).pipeline
        serve_decoder(leader, pipeline.tokenizer, pipeline.decoder_device)
    except UserError:
        leader.poll(None)  # as above
    except (EOFError, ConnectionError):
        _log.info("the leader is gone, so is its decoder")


def _answered(leader: Connection, options: WorkerOptions, device: str | None) -> Loaded:
    """Load what the leader's plan says, and tell the leader how that went."""
    try:
        loaded = _load(options, device, leader.recv())
    except UserError as error:
        leader.send(str(error))
        raise
    keep_what_is_loaded()
    leader.send(None)
    return loaded


def _await_companions(lead: Lead, precision: PrecisionPlan) -> None:
    """Let everybody load in the same number formats: each would measure, and might find others.

    Raises:
        UserError: one of them cannot.
    """
    companions = (*lead.followers, *([lead.decoder] if lead.decoder else []))
    for companion in companions:
        companion.send(precision)
    for companion in companions:
        problem = companion.recv()
        if problem is not None:
            raise UserError(problem)


def _begin(options: WorkerOptions) -> None:
    logs.configure(options.log)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which stops us
    end_with_parent()


def _serve(connection: Connection, options: WorkerOptions, lead: Lead | None) -> None:
    from flowact.media.watermark import Watermark
    from flowact.portrait import named_portraits
    from flowact.serving.capacity import measure_places
    from flowact.serving.engine import Engine
    from flowact.serving.reference_cache import ReferenceCache
    from flowact.serving.warmup import warm_up

    loaded = _load(options, options.device(0) if options.decoder_apart else options.devices)
    with _stepping(loaded, options, lead) as stepper:
        mark = Watermark(visible=options.visible_mark)
        references = ReferenceCache(loaded.pipeline, named_portraits())
        longest_gap = warm_up(loaded.pipeline, mark, references, stepper)
        weights = sum(weight.numel() for weight in loaded.pipeline.transformer.parameters())
        trial = (loaded.pipeline, mark, references, stepper)
        places = measure_places(*trial) if options.measure else 0
        keep_what_is_loaded()
        connection.send(Ready(loaded.precision.dtype, weights, places, longest_gap))
        engine = Engine(loaded.pipeline, connection.send, mark, references, stepper=stepper)
        _loop(connection, engine)


def _serve_loopback(connection: Connection) -> None:
    from flowact.serving.loopback import LoopbackEngine

    connection.send(Ready("none", 0))
    _loop(connection, LoopbackEngine(connection.send))


def _load(
    options: WorkerOptions, devices: str | None, precision: PrecisionPlan | None = None
) -> Loaded:
    from flowact.hardware.load_pipeline import load_pipeline

    return load_pipeline(
        options.checkpoint,
        options.threads,
        options.preset,
        devices,
        linear=options.linear,
        precision=precision,
    )


@contextmanager
def _stepping(loaded: Loaded, options: WorkerOptions, lead: Lead | None) -> Iterator[Stepper]:
    """Make chunks alone or, within the block, as the first of a group; let another process decode."""
    from flowact.parallel.group import joined
    from flowact.parallel.lockstep import Alone, Leader
    from flowact.pipeline.remote_decoder import RemoteDecoder

    if lead is None:
        yield Alone(loaded.pipeline.transformer, loaded.pipeline.scheduler.settings)
        return
    _await_companions(lead, loaded.precision)
    if lead.decoder is not None:
        uses_landmarks = loaded.pipeline.tokenizer.uses_landmarks
        loaded.pipeline.tokenizer = RemoteDecoder(lead.decoder, uses_landmarks)
    if not lead.followers:
        yield Alone(loaded.pipeline.transformer, loaded.pipeline.scheduler.settings)
        return
    with joined(lead.membership, loaded.pipeline.device) as group:
        yield Leader(_sharing(loaded, group, options), lead.followers)


def _sharing(loaded: Loaded, group: Group, options: WorkerOptions) -> Alone:
    from flowact.parallel.frames import share_frames
    from flowact.parallel.lockstep import Alone

    pipeline = loaded.pipeline
    share_frames(pipeline.transformer, group, options.exchange)
    return Alone(pipeline.transformer, pipeline.scheduler.settings)


def _loop(connection: Connection, engine: Engine | LoopbackEngine) -> None:
    while True:
        connection.poll(min(engine.wait(), LONGEST_SLEEP))
        for _ in range(COMMANDS_PER_TURN):
            if not connection.poll():
                break
            command = connection.recv()
            if isinstance(command, Shutdown):
                return
            engine.handle(command)
        connection.send(Heartbeat("turn", engine.busy))
        engine.step()
