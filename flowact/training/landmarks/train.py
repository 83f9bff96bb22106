"""Render what is missing, train the landmark network, and write it with its card."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from safetensors.torch import save_file

from flowact.datagen.head_shots import VIEWS, shoot_people
from flowact.files import atomic_write
from flowact.motion.face_points import POINTS
from flowact.portrait.network import INPUT_SIZE, LandmarkNet
from flowact.training.landmarks.backgrounds import Backgrounds
from flowact.training.landmarks.stage import LandmarkStage
from flowact.training.landmarks.windows import FACELESS, People
from flowact.training.loop.backend import SingleProcess
from flowact.training.loop.loop import Loop, LoopSettings

HELD_OUT_PEOPLE: Final = 24


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

    def load(self, split: str) -> People:
        """The people of `train` or `heldout`."""
        count = self.people if split == "train" else HELD_OUT_PEOPLE
        paths = shoot_people(self.heads, split, count, self.textures)
        return People.load(paths, Backgrounds(self.photographs, INPUT_SIZE))


def train_landmarks(data: LandmarkData, loop: LoopSettings, batch: int, seed: int) -> int:
    """Train, or go on with the run in `loop.run`; write `landmarks.safetensors` and a card there; return the steps."""
    torch.manual_seed(seed)
    train, heldout = data.load("train"), data.load("heldout")
    network = LandmarkNet().to(memory_format=torch.channels_last)  # twice as fast in bf16
    stage = LandmarkStage(network, train, heldout, batch, seed)
    training = Loop(stage, loop, SingleProcess())
    steps = training.train()
    with torch.no_grad():
        errors = stage.evaluate(training.ema.model, loop.run, steps)
    write_network(training.ema.model, loop.run, _facts(data, batch, seed, steps, errors))
    return steps


def write_network(network: torch.nn.Module, folder: Path, facts: Mapping[str, object]) -> None:
    """Leave the weights in half precision, and what is to be known of them, in `folder`."""
    tensors = {
        name: tensor.half().contiguous()
        for name, tensor in network.state_dict().items()
        if tensor.is_floating_point()
    }
    with atomic_write(folder / "landmarks.safetensors") as path:
        save_file(tensors, path)
    (folder / "config.json").write_text(json.dumps(facts, indent=2) + "\n")


def _facts(
    data: LandmarkData, batch: int, seed: int, steps: int, errors: Mapping[str, float]
) -> dict[str, object]:
    return {
        "points": len(POINTS),
        "head_shots": data.people * VIEWS,
        "people": data.people,
        "steps": steps,
        "batch": batch,
        "seed": seed,
        "faceless_share": FACELESS,
        "held_out": {name: round(value, 3) for name, value in errors.items()},
    }
