"""The stages of the transformer by name, from adaptation to three calls per chunk."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

from flowact.errors import UserError
from flowact.training.loop.backend import choose_backend
from flowact.training.loop.loop import Loop, LoopSettings
from flowact.training.transformer.distillation import GuidanceStage, StepStage
from flowact.training.transformer.dmd import ScoreStage
from flowact.training.transformer.flow_matching_stage import (
    ADAPT,
    JOINT,
    SELF_FORCING,
    DiffusionSettings,
    DiffusionStage,
    StageInputs,
    load_stage_inputs,
)
from flowact.training.transformer.run_weights import SAMPLING, load_stage

FLOWS: Final = {"adapt": ADAPT, "joint": JOINT, "self-forcing": SELF_FORCING}
DISTILLATIONS: Final = {"cfg-distill": GuidanceStage, "step-distill": StepStage, "dmd": ScoreStage}


def train_stage(
    name: str,
    data: Path,
    preset: str,
    init: Path | None,
    loop: LoopSettings,
    batch: int,
    seed: int = 0,
    teacher: Path | None = None,
    audio: Path | None = None,
) -> int:
    """Train a stage of the transformer; resumes. Returns the steps done.

    Args:
        name: of the stage.
        data: folder with `train/`, `heldout/` and `readout.safetensors` (`flowact train latents`).
        preset: sizes of the network.
        init: run of the stage before, whose averaged weights a fresh run starts from.
        loop: how long and how.
        batch: samples per step.
        seed: of weights, noise and samples.
        teacher: run or checkpoint that a distillation imitates; `init` if not given.
        audio: run of `train_hearing` or of the transformer, or checkpoint, whose audio encoder is taken
            and left as it is; without it the encoder is trained along.

    Raises:
        UserError: a distillation is to start from nothing or from another size, the scores have no
            teacher, or a stage that imitates nobody is given one.
    """
    _check_runs(name, init, teacher)
    settings = replace(FLOWS.get(name, JOINT), batch=batch)
    backend = choose_backend()
    made = load_stage_inputs(
        data, preset, init, audio, loop.run, settings, seed, backend.device, backend.rank
    )
    if name in DISTILLATIONS and made.fresh:
        raise UserError(
            f"{len(made.fresh)} weights of preset {preset} are not in {init}, {made.fresh[0]} among them: "
            f"{name} goes on with a network of the same sizes."
        )
    stage = _stage(name, made, settings, teacher)
    sampling = stage.sampling
    fields = {"shift": settings.sampling_shift, "guidance_embedding": sampling.guidance_embedding}
    (loop.run / SAMPLING).write_text(json.dumps(fields, indent=2) + "\n")
    return Loop(stage, loop, backend).train()


def _check_runs(name: str, init: Path | None, teacher: Path | None) -> None:
    """Refuse runs that a stage does not start from or imitate."""
    if name not in DISTILLATIONS and teacher is not None:
        raise UserError(f"{name} imitates nobody; only {', '.join(DISTILLATIONS)} take a teacher.")
    if name in DISTILLATIONS and init is None:
        raise UserError(f"{name} needs --init, the run of the stage before it.")
    if name == "dmd" and teacher is None:
        raise UserError(
            "dmd needs --teacher, a run with many steps: a few-step student is no score."
        )


def _stage(
    name: str, made: StageInputs, settings: DiffusionSettings, teacher: Path | None
) -> DiffusionStage:
    if name in DISTILLATIONS:
        imitated = load_stage(teacher)[0].to(made.transformer.device) if teacher else None
        return DISTILLATIONS[name](made, settings, teacher=imitated)
    return DiffusionStage(made.transformer, made.source, made.heldout, made.readout, settings)
