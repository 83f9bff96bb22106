"""Training of the readers on rendered clips, with the generic loop."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowact.conditioning.audio import MEL_PER_TOKEN, log_mel_of_clip
from flowact.datagen.clip import Clip
from flowact.errors import UserError
from flowact.evaluation.judges.card import ReaderFit, reader_card
from flowact.evaluation.judges.readers import (
    SYNC_FRAMES,
    MouthReader,
    SyncNet,
    face_crop,
    read_mouth,
    reader_path,
    save_reader,
)
from flowact.evaluation.judges.scores import SHUT_OPENING, correlation
from flowact.motion.arkit import columns
from flowact.training.loop.backend import SingleProcess
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import Loop, LoopSettings, Stateful, TrainingStage
from flowact.training.loop.metrics import Values

SEED = 0
MOUTH_BATCH = 48
SYNC_MOMENTS = 40
SHIFT = 6  # pixels of a face crop that the person may stand elsewhere


@dataclass(frozen=True)
class Footage:
    """One clip as the readers see it: crops uint8 [t, 3, 88, 80], mel [4 * t, 80], truth [t, 2]."""

    crops: Tensor
    mel: Tensor
    truth: Tensor


def load_footage(path: Path) -> Footage:
    """Crop a clip's faces and compute its mel frames and truth (opening, blink)."""
    clip = Clip.load(path)
    blink = np.asarray(clip.curves, np.float32)[:, columns("eyeBlink")].mean(1)
    truth = np.stack([np.asarray(clip.opening, np.float32), blink], 1)
    sound = torch.from_numpy(np.asarray(clip.audio, np.float32) / 32768)
    crops = torch.stack([face_crop(clip.frame(i)) for i in range(len(truth))])
    return Footage(crops, log_mel_of_clip(sound[None])[0], torch.from_numpy(truth))


def disturb(crops: Tensor, looks: int) -> Tensor:
    """Change tone, sharpness, noise and place at random, so that a reader judges shape alone.

    Generated frames are softer than rendered ones and of slightly other colours.

    Args:
        crops: [n, 3, 88, 80] in [0, 255].
        looks: how many different tones and blurs to draw: n, or 1 for frames of one clip.
    """
    x = crops.float() / 255
    gamma, gain = torch.empty(looks, 1, 1, 1), torch.empty(looks, 3, 1, 1)
    x = x.pow(gamma.uniform_(0.7, 1.4)) * gain.uniform_(0.75, 1.2)
    soft = F.interpolate(F.avg_pool2d(x, 2), x.shape[2:], mode="bilinear")
    x = torch.lerp(x, soft, torch.rand(looks, 1, 1, 1)) + 0.02 * torch.randn_like(x)
    shift = torch.randint(-SHIFT, SHIFT + 1, (2,)).tolist()
    return torch.roll(x.clamp(0, 1) * 255, shift, (2, 3))


@dataclass
class MouthStage:
    """`MouthReader` in training; see `flowact.training.loop.loop.TrainingStage`."""

    model: nn.Module
    train: list[Footage]
    heldout: list[Footage]
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Squared error on random frames."""
        clips = [self.train[i] for i in torch.randint(len(self.train), (MOUTH_BATCH,)).tolist()]
        at = [int(torch.randint(len(f.truth), ())) for f in clips]
        crops = torch.stack([f.crops[i] for f, i in zip(clips, at, strict=True)])
        truth = torch.stack([f.truth[i] for f, i in zip(clips, at, strict=True)])
        error = (model(disturb(crops, MOUTH_BATCH)).float() - truth).square().mean(0)
        return error @ torch.tensor([8.0, 1.0]), {"opening": error[0], "blink": error[1]}

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """On held-out clips: correlations, and agreement on whether the mouth is shut."""
        reader = cast(MouthReader, model)
        read = np.concatenate([read_mouth(reader, f.crops) for f in self.heldout])
        true = torch.cat([f.truth for f in self.heldout]).numpy()
        shut = (read[:, 0] < SHUT_OPENING) == (true[:, 0] < SHUT_OPENING)
        return {
            "opening_correlation": correlation(read[:, 0], true[:, 0]),
            "opening_error": float(np.abs(read[:, 0] - true[:, 0]).mean()),
            "shut_agreement": float(shut.mean()),
            "blink_correlation": correlation(read[:, 1], true[:, 1]),
        }


@dataclass
class SyncStage:
    """`SyncNet` in training: of the moments of a clip, each must find its own sound."""

    model: nn.Module
    train: list[Footage]
    heldout: list[Footage]
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Cross entropy over the moments of a random stretch, picture to sound and back."""
        footage = self.train[int(torch.randint(len(self.train), ()))]
        span = SYNC_MOMENTS + SYNC_FRAMES - 1
        start = int(torch.randint(max(1, len(footage.crops) - span), ()))
        crops = disturb(footage.crops[start : start + span], looks=1)
        mel = footage.mel[MEL_PER_TOKEN * start : MEL_PER_TOKEN * (start + span)]
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


def fit_readers(data: Path, run: Path, steps: int) -> dict[str, float]:
    """Train both readers, write them and their card to the assets, return how they do on held-out clips.

    An interrupted fit is taken up again from `run`. The sync network learns faster and gets half the steps.
    Raises UserError when `data` lacks clips.
    """
    torch.manual_seed(SEED)
    train, heldout = (_footage(data, split) for split in ("train", "heldout"))
    mouth, sync = (
        MouthStage(MouthReader(), train, heldout),
        SyncStage(SyncNet(), train, heldout),
    )
    fits = [
        _fit(mouth, "mouth_reader", "opening of the mouth and closure of the eyes", run, steps),
        _fit(sync, "sync_net", "offset of picture and sound", run, steps // 2),
    ]
    card = reader_card(fits, {"training": len(train), "held-out": len(heldout)}, SEED)
    (reader_path(fits[0].name).parent / "README.md").write_text(card)
    return {f"{fit.name}_{name}": value for fit in fits for name, value in fit.scores.items()}


def _footage(data: Path, split: str) -> list[Footage]:
    paths = sorted((data / split).glob("*.npz"))
    if not paths:
        raise UserError(
            f"{data} has no clips in {split}/; make them with `flowact synth --out {data}`."
        )
    return [load_footage(path) for path in paths]


def _fit(stage: TrainingStage, name: str, purpose: str, run: Path, steps: int) -> ReaderFit:
    """Train one reader and write its weights; the last half of the steps slows down."""
    schedule = LearningRateSchedule(1e-3, warmup=steps // 20, decay_from=steps // 2, decay_to=steps)
    settings = LoopSettings(run / name, schedule, steps=steps, ema=0.99, evaluate_minutes=1e9)
    loop = Loop(stage, settings, SingleProcess())  # they are tiny
    loop.train()
    save_reader(loop.ema.model, reader_path(name))
    with torch.no_grad():
        return ReaderFit(name, purpose, steps, stage.evaluate(loop.ema.model, run, loop.step))
