"""Training of the readers on rendered clips, with the generic loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowact.conditioning.audio import log_mel_of_clip
from flowact.errors import UserError
from flowact.evaluation.readers import (
    SYNC_FRAMES,
    MouthReader,
    SyncNet,
    face_crops,
    read_mouth,
    reader_path,
    save_reader,
)
from flowact.evaluation.scores import correlation
from flowact.synthesis.arkit import columns
from flowact.synthesis.clip import Clip
from flowact.training.loop import Loop, LoopSettings, Stage, Stateful
from flowact.training.metrics import Values
from flowact.training.schedule import Schedule


@dataclass(frozen=True)
class Footage:
    """One clip as the readers see it: crops uint8 [t, 3, 96, 96], mel [4 * t, 80], truth [t, 2]."""

    crops: Tensor
    mel: Tensor
    truth: Tensor


def load_footage(path: Path) -> Footage:
    """Crop a clip's faces and compute its mel frames and truth (opening, blink)."""
    clip = Clip.load(path)
    blink = np.asarray(clip.curves, np.float32)[:, columns("eyeBlink")].mean(1)
    truth = np.stack([np.asarray(clip.opening, np.float32), blink], 1)
    sound = torch.from_numpy(np.asarray(clip.audio, np.float32) / 32768)
    crops = face_crops(clip.frame(i) for i in range(len(truth)))
    return Footage(crops, log_mel_of_clip(sound[None])[0], torch.from_numpy(truth))


def recolour(crops: Tensor) -> Tensor:
    """Random gain per channel, gamma, blur and noise, so that a reader judges shape and not tone."""
    x = crops.float() / 255
    n = len(x)
    x = x.pow(torch.empty(n, 1, 1, 1).uniform_(0.7, 1.4)) * torch.empty(n, 3, 1, 1).uniform_(
        0.75, 1.2
    )
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = torch.lerp(x, soft, torch.rand(n, 1, 1, 1))
    return (x + 0.02 * torch.randn_like(x)).clamp(0, 1) * 255


@dataclass
class MouthStage:
    """`MouthReader` in training; see :class:`flowact.training.loop.Stage`."""

    model: nn.Module
    train: list[Footage]
    heldout: list[Footage]
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Squared error on 48 random frames."""
        picks = [self.train[i] for i in torch.randint(len(self.train), (48,)).tolist()]
        at = [int(torch.randint(len(f.truth), ())) for f in picks]
        crops = recolour(torch.stack([f.crops[i] for f, i in zip(picks, at, strict=True)]))
        shift = torch.randint(-5, 6, (2,)).tolist()
        truth = torch.stack([f.truth[i] for f, i in zip(picks, at, strict=True)])
        error = (model(torch.roll(crops, shift, (2, 3))).float() - truth).square().mean(0)
        return error @ torch.tensor([4.0, 1.0]), {"opening": error[0], "blink": error[1]}

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """Correlations on held-out clips."""
        reader = cast(MouthReader, model)
        read = np.concatenate([read_mouth(reader, f.crops) for f in self.heldout])
        true = torch.cat([f.truth for f in self.heldout]).numpy()
        return {
            name: correlation(read[:, i], true[:, i])
            for i, name in enumerate(("r_opening", "r_blink"))
        }


@dataclass
class SyncStage:
    """`SyncNet` in training: of 40 moments of a clip, each must find its own sound."""

    model: nn.Module
    train: list[Footage]
    heldout: list[Footage]
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Cross entropy over the moments of a random stretch, picture to sound and back."""
        footage = self.train[int(torch.randint(len(self.train), ()))]
        span = 40 + SYNC_FRAMES - 1
        start = int(torch.randint(max(1, len(footage.crops) - span), ()))
        crops, mel = (
            recolour(footage.crops[start : start + span]),
            footage.mel[4 * start : 4 * (start + span)],
        )
        sync = cast(SyncNet, model)
        seen, heard = sync.video(crops), sync.audio(mel)
        logits = sync.scale * seen.float() @ heard.float().T
        target = torch.arange(len(logits))
        loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
        return loss, {"found": (logits.argmax(1) == target).float().mean()}

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """Share of held-out clips whose best offset lies within a frame of 0."""
        sync = cast(SyncNet, model)
        best = [int(sync.offsets(f.crops, f.mel).argmax()) - 10 for f in self.heldout]
        return {"within_a_frame": float(np.mean([abs(b) <= 1 for b in best]))}


def fit_readers(data: Path, run: Path, minutes: float) -> dict[str, float]:
    """Train both readers for `minutes` each, write them to the assets, return their held-out scores."""
    footage = {
        split: [load_footage(p) for p in sorted((data / split).glob("*.npz"))]
        for split in ("train", "heldout")
    }
    if not all(footage.values()):
        raise UserError(
            f"{data} needs clips in train/ and heldout/; make them with `flowact synth --out {data}`."
        )
    report: dict[str, float] = {}
    stages: dict[str, Stage] = {
        "mouth_reader": MouthStage(MouthReader(), footage["train"], footage["heldout"]),
        "sync_net": SyncStage(SyncNet(), footage["train"], footage["heldout"]),
    }
    for name, stage in stages.items():
        settings = LoopSettings(
            run / name, Schedule(1e-3), minutes=minutes, ema=0.99, evaluate_minutes=1e9
        )
        loop = Loop(stage, settings)
        loop.train()
        loop.evaluate()
        save_reader(loop.ema.model, reader_path(name))
        report |= {
            f"{name}_{k}": v for k, v in stage.evaluate(loop.ema.model, run, loop.step).items()
        }
    return report
