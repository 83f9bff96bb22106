"""Render what is missing, train a network that looks at portraits, and write it with what is to be known of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file

from flowact.datagen.head_shots import VIEWS, Framing, shoot_people
from flowact.files import atomic_write
from flowact.motion.face_points import POINTS
from flowact.portrait.eye_network import EYE_ROWS, EYE_SIZE, EyeNet
from flowact.portrait.network import INPUT_SIZE, LandmarkNet
from flowact.training.landmarks.backgrounds import Backgrounds
from flowact.training.landmarks.eye_stage import EyeStage
from flowact.training.landmarks.eye_windows import Eyes
from flowact.training.landmarks.stage import LandmarkStage
from flowact.training.landmarks.windows import FACELESS, People
from flowact.training.loop.backend import SingleProcess
from flowact.training.loop.loop import Loop, LoopSettings

HELD_OUT_PEOPLE: Final = 24
SPLITS: Final = ("train", "heldout")


@dataclass(frozen=True)
class LandmarkData:
    """What the network trains on.

    Attributes:
        heads: folder of head shots; those that are missing are rendered.
        people: people to train on, with `head_shots.VIEWS` pictures each.
        textures: folder of `flowact synth --assets`; with it people from number `head_shots.PAINTED` on wear
            photographs.
        photographs: folder of pictures without faces to put behind them, or None.
    """

    heads: Path
    people: int
    textures: Path | None
    photographs: Path | None

    def shots(self, split: str, framing: Framing) -> list[Path]:
        """Files of the people of `train` or `heldout`."""
        count = self.people if split == "train" else HELD_OUT_PEOPLE
        return shoot_people(self.heads, split, count, self.textures, framing)


def train_landmarks(data: LandmarkData, loop: LoopSettings, batch: int, seed: int) -> int:
    """Train, or go on with the run in `loop.run`; write `landmarks.safetensors` and a card there; return the steps."""
    torch.manual_seed(seed)
    backgrounds = Backgrounds(data.photographs, INPUT_SIZE)
    train, heldout = (People.load(data.shots(split, Framing.HEAD), backgrounds) for split in SPLITS)
    network = LandmarkNet().to(memory_format=torch.channels_last)  # twice as fast in bf16
    stage = LandmarkStage(network, train, heldout, batch, seed)
    facts = {"points": len(POINTS), "faceless_share": FACELESS}
    return _train(stage, loop, "landmarks", data, facts)


def train_eyes(data: LandmarkData, loop: LoopSettings, batch: int, seed: int) -> int:
    """The same of the eye network; it writes `eyes.safetensors`."""
    torch.manual_seed(seed)
    backgrounds = Backgrounds(data.photographs, EYE_SIZE)
    train, heldout = (Eyes.load(data.shots(split, Framing.EYES), backgrounds) for split in SPLITS)
    network = EyeNet().to(memory_format=torch.channels_last)
    stage = EyeStage(network, train, heldout, batch, seed)
    return _train(stage, loop, "eyes", data, {"points": len(EYE_ROWS["left"])})


def _train(
    stage: LandmarkStage | EyeStage,
    loop: LoopSettings,
    name: str,
    data: LandmarkData,
    facts: Mapping[str, object],
) -> int:
    training = Loop(stage, loop, SingleProcess())
    steps = training.train()
    with torch.no_grad():
        errors = stage.evaluate(training.ema.model, loop.run, steps)
    known = {
        **facts,
        "head_shots": data.people * VIEWS,
        "people": data.people,
        "steps": steps,
        "batch": stage.batch,
        "seed": stage.seed,
        "held_out": {name: round(value, 3) for name, value in errors.items()},
    }
    write_network(training.ema.model, loop.run / f"{name}.safetensors", known)
    return steps


def write_network(network: torch.nn.Module, weights: Path, facts: Mapping[str, object]) -> None:
    """Leave the weights in half precision in a file, and what is to be known of them beside it."""
    tensors = {
        name: tensor.half().contiguous()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }
    with atomic_write(weights) as path:
        save_file(tensors, path)
    weights.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")
