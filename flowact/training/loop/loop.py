"""The training loop of every stage: resumable, interruptible, measured."""

import math
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from flowact.errors import UserError
from flowact.hardware.allocator import keep_freed_memory
from flowact.training.loop.backend import Backend, choose_backend
from flowact.training.loop.checkpoints import Snapshot, load_newest, save_snapshot
from flowact.training.loop.ema import Ema
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.metrics import Average, MetricsLog, Values, finite, plot_metrics


class Stateful(Protocol):
    """Anything besides the model that a stage must keep over a restart."""

    def state_dict(self) -> dict[str, Any]:
        """Plain containers and tensors."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> object:
        """Take them back."""


class TrainingStage(Protocol):
    """What one stage of the recipe brings to the loop.

    Attributes:
        model: the module that is trained; those parameters that require a gradient.
        extras: what else is saved and restored with a checkpoint, for example a discriminator and
            its optimiser.
    """

    model: nn.Module
    extras: Mapping[str, Stateful]

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Loss of one batch and numbers to report.

        Args:
            model: the stage's model, possibly wrapped for several processes: call it, do not
                reach into it.
            step: optimiser steps done.
        """

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """Held-out metrics of the averaged model; may write pictures into `run`."""


@dataclass(frozen=True)
class LoopSettings:
    """How long and how a stage trains.

    Attributes:
        run: folder of checkpoints, `metrics.jsonl` and pictures; an earlier run in it is resumed.
        schedule: learning rate.
        steps, minutes: stop at this step or after this much time in this process, whichever is
            first; None is no limit.
        weight_decay, betas: of AdamW.
        clip: largest gradient norm.
        ema: decay of the averaged weights.
        log_every: steps between two lines of the log.
        save_minutes, evaluate_minutes: wall-clock minutes between checkpoints and between
            evaluations.
    """

    run: Path
    schedule: LearningRateSchedule
    steps: int | None = None
    minutes: float | None = None
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    ema: float = 0.998
    log_every: int = 50
    save_minutes: float = 5.0
    evaluate_minutes: float = 10.0


class Timer:
    """True once per period of wall-clock minutes."""

    def __init__(self, minutes: float) -> None:
        self.seconds = minutes * 60
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether a period has passed since the last time this was true."""
        if time.monotonic() - self.last < self.seconds:
            return False
        self.last = time.monotonic()
        return True


class Loop:
    """A stage in training. `Loop(stage, settings).train()` runs or resumes it."""

    def __init__(
        self, stage: TrainingStage, settings: LoopSettings, backend: Backend | None = None
    ) -> None:
        keep_freed_memory()
        self.stage, self.settings = stage, settings
        self.backend = backend or choose_backend()
        self.parameters = [p for p in stage.model.parameters() if p.requires_grad]
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            self.parameters, settings.schedule.peak, settings.betas, weight_decay=settings.weight_decay, fused=True
        )  # fmt: skip
        stage.model.to(self.backend.device)
        self.ema = Ema(stage.model, settings.ema)
        self.step = 0
        self.log = MetricsLog(settings.run)
        self._resume()
        if self.backend.rank:  # the others' noise must not be that of the first
            torch.manual_seed(
                torch.initial_seed() + 1_000_003 * (self.step + 1) + self.backend.rank
            )
        self.model, self.optimizer = self.backend.prepare(stage.model, self.optimizer)

    def train(self) -> int:
        """Train until the limit, save, and return the steps done.

        Raises:
            UserError: SIGTERM or SIGINT came; a checkpoint of this step has been written.
        """
        average, started = Average(), time.monotonic()
        save, evaluate = Timer(self.settings.save_minutes), Timer(self.settings.evaluate_minutes)
        with _catch_sigterm() as stop:
            while not self.backend.any(bool(stop) or self._finished(started)):
                average.add(self.advance())
                if self.step % self.settings.log_every == 0 and self.backend.rank == 0:
                    self._report(average)
                if evaluate.due():
                    self.evaluate()
                if save.due():
                    self.save()
        self.save()
        self.backend.wait()  # the others may read the checkpoint as soon as they return
        if stop:
            raise UserError(
                f"{self.settings.run} was interrupted at step {self.step}; the same command goes on with it."
            )
        self.evaluate()
        return self.step

    def advance(self) -> Values:
        """One optimiser step. A batch whose loss is not finite is skipped and counted as `skipped`."""
        self.stage.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.schedule.rate(self.step)
        with self.backend.autocast():
            loss, values = self.stage.loss(self.model, self.step)
        self.optimizer.zero_grad(set_to_none=True)
        self.backend.backward(loss)
        norm = self.backend.clip(self.parameters, self.settings.clip)
        sound = finite(loss) and finite(norm)
        if sound:
            self.optimizer.step()
            self.ema.update(self.stage.model, self.step)
        self.step += 1
        return (
            {"loss": loss, "gradient": norm, **values, "skipped": 0.0}
            if sound
            else {"skipped": 1.0}
        )

    def evaluate(self) -> None:
        """Measure the averaged model on held-out data and redraw the curves."""
        if self.backend.rank:
            return
        with torch.no_grad(), self.backend.autocast():
            values = self.stage.evaluate(self.ema.model, self.settings.run, self.step)
        self.log.write(self.step, values)
        plot_metrics(self.log, self.settings.run / "curves.png")

    def save(self) -> None:
        """Write a checkpoint of this step."""
        if self.backend.rank:
            return
        rest = {
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all(),
            "extras": {name: extra.state_dict() for name, extra in self.stage.extras.items()},
        }
        model, ema = self.stage.model.state_dict(), self.ema.model.state_dict()
        save_snapshot(self.settings.run, Snapshot(self.step, model, ema, rest))

    def _resume(self) -> None:
        snapshot = load_newest(self.settings.run)
        if snapshot is None:
            return
        try:
            self.stage.model.load_state_dict(snapshot.model)
            self.ema.model.load_state_dict(snapshot.ema)
            self.optimizer.load_state_dict(snapshot.rest["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise UserError(
                f"{self.settings.run} was trained with other sizes or options than those given now; "
                "give the same ones, or another folder."
            ) from error
        torch.set_rng_state(snapshot.rest["random"])
        if len(on_gpus := snapshot.rest.get("random_cuda", ())) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(list(on_gpus))
        for name, extra in self.stage.extras.items():
            if name in snapshot.rest["extras"]:
                extra.load_state_dict(snapshot.rest["extras"][name])
        self.step = snapshot.step

    def _report(self, average: Average) -> None:
        now = time.monotonic()
        elapsed = now - getattr(self, "_reported", now)
        self._reported = now
        values = average.take() | {"rate": self.settings.schedule.rate(self.step)}
        if elapsed:
            values["steps_per_second"] = self.settings.log_every / elapsed
        self.log.write(self.step, values)
        loss, speed = (values.get(name, math.nan) for name in ("loss", "steps_per_second"))
        print(f"step {self.step}: loss {loss:.4f}, {speed:.2f} steps per second", flush=True)  # noqa: T201 - progress

    def _finished(self, started: float) -> bool:
        steps, minutes = self.settings.steps, self.settings.minutes
        late = minutes is not None and time.monotonic() - started >= minutes * 60
        return late or (steps is not None and self.step >= steps)


@contextmanager
def _catch_sigterm() -> Iterator[list[int]]:
    """Collect SIGTERM and SIGINT in a list instead of dying, so that the loop can save first."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
