"""`flowact eval --behaviours`: whether what a person was asked to do can be told from the motion.

A small classifier learns from performances of the data engine, whose motion is exact, and then looks at
what the model makes of the same requests and sounds.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from flowact.datagen.performance.behaviours import BEHAVIOURS
from flowact.datagen.performance.performance import Script, Segment, perform
from flowact.datagen.voice.sentences import random_sentence
from flowact.datagen.voice.speech import HELD_OUT_VOICE
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.settings import StepSettings
from flowact.timebase import FPS
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.data.latents import LatentClip
from flowact.training.data.motion_only_clips import encode_performance, shipped_codes
from flowact.training.transformer.rollouts import generate

LEAD_SECONDS: Final = 1.92
"""Of idling before the request; four whole chunks."""
SECONDS: Final = 4.32
"""Of the behaviour; nine chunks."""
WINDOW: Final = 60
"""Frames that the classifier looks at, 2.4 s."""
SMOOTHED: Final = 6
"""Frames over which the way is averaged, so that a swing is not taken for an arrival."""
FIRST_SEED: Final = 80_000_000
ARRIVED: Final = 0.8
"""Share of the way from the mean before a request to the mean after it that ends a transition."""
_HIDDEN: Final = 64


@dataclass(frozen=True)
class Recognition:
    """What was recognised.

    Attributes:
        truth: share of the data engine's own performances that are recognised, by behaviour.
        made: the same of what the model makes of the same requests and sounds.
        confusion: requests of each behaviour (rows) taken for each other one (columns), the model's.
        transition_seconds: median time from a request until the motion has gone most of the way from what
            it was to what it becomes.
    """

    truth: dict[str, float]
    made: dict[str, float]
    confusion: NDArray[np.int64]
    transition_seconds: float


class Classifier(nn.Module):
    """Motion `[n, 60, channels]` to logits of the behaviours, from what its channels do over the window."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.hidden = nn.Linear(features, _HIDDEN)
        self.out = nn.Linear(_HIDDEN, len(BEHAVIOURS))

    def forward(self, motion: Tensor) -> Tensor:
        """Logits `[n, behaviours]`."""
        features = (describe(motion) - self.mean) / self.deviation
        logits: Tensor = self.out(F.gelu(self.hidden(features.clamp(-4, 4))))
        return logits


def describe(motion: Tensor) -> Tensor:
    """What every channel of `[n, frames, channels]` does: mean, deviation, speed and range, `[n, 4 * channels]`."""
    speed = motion.diff(dim=1).abs().mean(1)
    reach = motion.amax(1) - motion.amin(1)
    return torch.cat([motion.mean(1), motion.std(1), speed, reach], 1)


def act(behaviour: str, seed: int) -> LatentClip:
    """A performance that idles and then does what is asked; held-out voice and sentences."""
    rng = np.random.default_rng([seed, 17])
    text = random_sentence(rng, held_out=True) if behaviour == "speaking" else None
    segments = (Segment("idling", None, LEAD_SECONDS), Segment(behaviour, text, SECONDS + 1))
    performance = perform(Script(segments, LEAD_SECONDS + SECONDS, HELD_OUT_VOICE), seed)
    return encode_performance(shipped_codes(), performance, seed, smile=0.3)


def fit_classifier(clips: list[LatentClip], labels: Tensor, steps: int = 400) -> Classifier:
    """Train on the last window of every clip; seeded."""
    torch.manual_seed(0)
    motion = torch.stack([clip.motion[-WINDOW:].float() for clip in clips])
    features = describe(motion)
    classifier = Classifier(features.shape[1])
    classifier.mean.copy_(features.mean(0))
    classifier.deviation.copy_(features.std(0).clamp(min=1e-3))
    optimizer = torch.optim.AdamW(classifier.parameters(), 3e-3, weight_decay=0.1)
    for _ in range(steps):
        noisy = motion + 0.3 * torch.rand(len(motion), 1, 1) * motion.std(
            (0, 1)
        ) * torch.randn_like(motion)
        loss = F.cross_entropy(classifier(noisy), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return classifier.eval()


def recognise(
    transformer: FlowActTransformer,
    settings: StepSettings,
    tokenizer: Tokenizer,
    trained_on: int = 24,
    asked: int = 6,
) -> Recognition:
    """Train the classifier, ask the model for every behaviour and look.

    Args:
        transformer: that is asked.
        settings: how it is sampled.
        tokenizer: that reads motion from latents.
        trained_on: performances of each behaviour that the classifier learns from.
        asked: requests of each behaviour.
    """
    clips, labels = _cast(FIRST_SEED, trained_on)
    classifier = fit_classifier(clips, labels)
    clips, labels = _cast(FIRST_SEED + 1_000_000, asked)
    truth = torch.stack([clip.motion.float() for clip in clips])
    latents = generate(transformer, clips, settings)
    made = torch.cat([tokenizer.curves(latents), tokenizer.pose(latents).flatten(2)], 2).cpu()
    with torch.no_grad():
        seen, right = (classifier(m[:, -WINDOW:]).argmax(1) for m in (made, truth))
    confusion = torch.zeros(len(BEHAVIOURS), len(BEHAVIOURS), dtype=torch.int64)
    confusion.index_put_((labels, seen), torch.tensor(1), accumulate=True)
    return Recognition(
        _shares(right, labels), _shares(seen, labels), confusion.numpy(), _transition(made)
    )


def _cast(seed: int, each: int) -> tuple[list[LatentClip], Tensor]:
    labels = torch.arange(len(BEHAVIOURS)).repeat_interleave(each)
    clips = [act(BEHAVIOURS[int(label)], seed + i) for i, label in enumerate(labels)]
    return clips, labels


def _shares(found: Tensor, labels: Tensor) -> dict[str, float]:
    right = (found == labels).float()
    return {name: float(right[labels == i].mean()) for i, name in enumerate(BEHAVIOURS)}


def _transition(motion: Tensor) -> float:
    """Median seconds from the request until the motion is near what it becomes."""
    request = round(LEAD_SECONDS * FPS)
    before, after = motion[:, :request].mean(1), motion[:, -WINDOW:].mean(1)
    way = after - before
    length = way.square().sum(1, keepdim=True).clamp(min=1e-6)
    gone = ((motion - before[:, None]) * way[:, None]).sum(2) / length
    smooth = F.avg_pool1d(gone[:, None], SMOOTHED, 1)[:, 0, request:]
    arrived = (smooth > ARRIVED).float().argmax(1)
    moved = length[:, 0] > length.median() / 4
    return float(arrived[moved].float().median()) / FPS
