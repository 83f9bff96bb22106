"""`flowact train all`: every stage of the recipe in order, from nothing to a checkpoint.

Two lanes run beside each other, one processor core each: pictures (rendering, then the tokenizer) and
motion (imagined performances, the audio encoder, then the transformer). Each stage is the command that
one would type; its run is resumed, and a stage that has reached its last step is over in seconds, so the
same command goes on after an interruption.
"""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt, ValidationError

from flowact.errors import UserError
from flowact.training.data.motion_only_clips import training_voices

TOKENIZER: Final = ("face-decoder", "whole-decoder", "face-encoder", "whole-encoder")
CORRECTION: Final = "correction"
AUDIO: Final = "audio"
TRANSFORMER: Final = ("adapt", "joint", "self-forcing", "cfg-distill", "step-distill", "dmd")

TEACHER: Final = "cfg-distill"
"""Stage whose many steps the stages after it imitate."""
GUIDED: Final = ("step-distill", "dmd")


class Budget(BaseModel):
    """How much of everything a recipe spends; see `two-cores.yaml` and `half-hour.yaml`.

    Attributes:
        description: what it is for, and how long it takes.
        preset: sizes of the transformer.
        clips, heldout, seconds: clips to render, and their length. Many people in short clips teach the
            tokenizer more than few in long ones.
        imagined: performances without pictures.
        voices: who speaks in them, see `flowact.training.data.motion_only_clips.training_voices`.
        steps: optimiser steps of every stage.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    description: str
    preset: str
    clips: PositiveInt
    seconds: PositiveFloat
    heldout: PositiveInt
    imagined: PositiveInt
    voices: Literal["all", "english"] = "all"
    steps: dict[str, PositiveInt]


def load_budget(name: str) -> Budget:
    """A budget by name, or from a path that ends in `.yaml`.

    Raises:
        UserError: there is none, or it is none; the message says what is wrong.
    """
    path = Path(name) if name.endswith(".yaml") else Path(__file__).parent / f"{name}.yaml"
    try:
        budget = Budget.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        known = " and ".join(sorted(p.stem for p in Path(__file__).parent.glob("*.yaml")))
        raise UserError(f"There is no budget {name!r}; known are {known}.") from None
    except (ValidationError, yaml.YAMLError) as error:
        raise UserError(f"{path.name} is not a budget: {error}.") from error
    missing = {*TOKENIZER, CORRECTION, AUDIO, *TRANSFORMER} ^ budget.steps.keys()
    if missing:
        raise UserError(f"{path.name} has no steps of, or unknown stages: {sorted(missing)}.")
    return budget


@dataclass(frozen=True)
class Job:
    """A stage: its name and the words of its command after `flowact`."""

    name: str
    words: tuple[str, ...]


@dataclass
class Lane:
    """Jobs that follow each other, the one that failed, and the process of the present one."""

    name: str
    jobs: list[Job]
    failed: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    stopped: bool = False

    def run(self, work: Path) -> None:
        """Run the jobs until one fails or the lane is stopped; what they print goes to `<work>/<lane>.log`."""
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
        for job in self.jobs:
            print(f"{self.name}: {job.name}", flush=True)  # noqa: T201 - progress
            command = [sys.executable, "-m", "flowact", *job.words]
            with (work / f"{self.name}.log").open("ab") as log:
                self.process = subprocess.Popen(  # noqa: S603 - our own program
                    command, env=environment, stdout=log, stderr=log
                )
            if self.stopped:  # in between, when there was no process to end
                self.process.terminate()
            if self.process.wait() != 0:
                self.failed.append(job.name)
                return

    def stop(self) -> None:
        """Let the present job save and end, and begin no other."""
        self.stopped = True
        if self.process is not None:
            self.process.terminate()


def lanes(chosen: Budget, work: Path, textures: Path | None = None) -> list[Lane]:
    """The two lanes of a budget, with all files under `work`; with `textures` most people look photographed."""
    clips, latents = work / "clips", work / "latents"
    looks = {} if textures is None else {"assets": textures}
    render = _words(
        "synth", clips, clips=chosen.clips, heldout=chosen.heldout, seconds=chosen.seconds, **looks
    )
    pictures = [Job("synth", (*render, "--workers", "1"))]
    for name in TOKENIZER:
        view, _, part = name.partition("-")
        words = _words("train tokenizer", work / name, view=view, part=part, data=clips)
        pictures.append(Job(name, (*words, *_schedule(chosen.steps[name]))))
    parts = {name: work / name for name in TOKENIZER}
    pictures.append(Job("tokenizer", _words("train export", _joined(work), **parts)))
    words = _words("train correction", work / CORRECTION, tokenizer=_joined(work), data=clips)
    pictures.append(Job(CORRECTION, (*words, *_schedule(chosen.steps[CORRECTION]))))
    motion = [
        Job(
            "latents",
            _words("train latents", latents, imagined=chosen.imagined, voices=chosen.voices),
        )
    ]
    hearing = _words("train audio", work / AUDIO, data=latents, preset=chosen.preset)
    motion.append(Job(AUDIO, (*hearing, *_schedule(chosen.steps[AUDIO]))))
    before: Path | None = None
    for name in TRANSFORMER:
        given = {"data": latents, "preset": chosen.preset, AUDIO: work / AUDIO}
        words = _words(f"train {name}", work / name, **given)
        start = () if before is None else ("--init", str(before))
        if name in GUIDED:
            start = (*start, "--teacher", str(work / TEACHER))
        motion.append(Job(name, (*words, *start, *_schedule(chosen.steps[name]))))
        before = work / name
    return [Lane("pictures", pictures), Lane("motion", motion)]


def train_all(budget: Budget, work: Path, textures: Path | None = None) -> Path:
    """Spend a budget and join its results; returns the folder of the checkpoint.

    Args:
        budget: what to spend.
        work: folder of all runs.
        textures: of `flowact synth --assets`, for people who look photographed.

    Raises:
        UserError: a voice is missing, or a stage failed; its log says why.
    """
    training_voices(budget.voices)  # not after hours of rendering
    work.mkdir(parents=True, exist_ok=True)
    running = lanes(budget, work, textures)
    threads = [threading.Thread(target=lane.run, args=(work,)) for lane in running]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:  # the interpreter would wait for the lanes to reach their ends
        for lane in running:
            lane.stop()
        raise
    finish = Lane("export", [Job("export", _export(work))])
    if not any(lane.failed for lane in running):
        finish.run(work)
    for lane in (*running, finish):
        if lane.failed:
            raise UserError(f"{lane.failed[0]} failed; {work / lane.name}.log says why.")
    return work / "checkpoint"


def _words(command: str, out: Path, **options: object) -> tuple[str, ...]:
    flags = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return (*command.split(), "--out", str(out), *flags)


def _schedule(steps: int) -> tuple[str, ...]:
    """The rate rises over a tenth of a stage and falls over its second half."""
    tenth, half, whole = str(steps // 10), str(steps // 2), str(steps)
    decay = ("--decay-from", half, "--decay-to", whole)
    return ("--steps", whole, "--warm-up", tenth, *decay)


def _joined(work: Path) -> Path:
    """Folder of the tokenizer before its encoders are corrected."""
    return work / "tokenizer"


def _export(work: Path) -> tuple[str, ...]:
    return (
        *("train", "export", "--out", str(work / "checkpoint")),
        *("--tokenizer", str(_joined(work)), "--correction", str(work / CORRECTION)),
        *("--transformer", str(work / TRANSFORMER[-1])),
        *("--calibration", str(work / "latents" / "heldout")),
    )
