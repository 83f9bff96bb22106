"""Training of what corrects the encoders of a tokenizer by the landmarks of faces."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from flowact.motion.arkit import ARKIT
from flowact.motion.joints import joint
from flowact.tokenizer.encoding.landmark_correction import LandmarkCorrection
from flowact.training.loop.backend import choose_backend
from flowact.training.loop.loop import Loop, LoopSettings, Stateful
from flowact.training.loop.metrics import Values, correlation
from flowact.training.loop.run_folder import save_config
from flowact.training.parts import codec_digest
from flowact.training.tokenizer.assemble import shipped_tokenizer
from flowact.training.tokenizer.estimates import Estimates, estimate_clips

WIDTH = 512
"""Of the first hidden layer."""
NOISE = 0.1
"""Deviation of what is added to standardised inputs: few people must do for many."""
SHOWN = {
    "jaw": ARKIT.index("jawOpen"),
    "smile": ARKIT.index("mouthSmileLeft"),
    "yaw": len(ARKIT) + 3 * joint("head") + 1,
    "gaze": len(ARKIT) + 3 * joint("eye_left") + 1,
}
"""Channels whose correlations are reported."""


@dataclass
class CorrectionStage:
    """A correction in training; see `flowact.training.loop.loop.TrainingStage`."""

    model: LandmarkCorrection
    train: Estimates
    heldout: Estimates
    batch: int
    seed: int
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Squared error that is left, of random frames."""
        drawn = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        rows = torch.randint(len(self.train.truth), (self.batch,), generator=drawn)
        estimate, truth, numbers = (
            part[rows].to(self._device)
            for part in (self.train.estimate, self.train.truth, self.train.numbers)
        )
        left = (estimate + model(numbers, NOISE) - truth).square().mean()
        return left, {"before": (estimate - truth).square().mean()}

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """Share of the variance that is left before and after, and correlations after, on held-out frames."""
        known, truth = self.heldout, self.heldout.truth
        corrected = known.estimate + model(known.numbers.to(self._device)).cpu()
        before, after = (
            float((estimate - truth).square().mean() / truth.square().mean())
            for estimate in (known.estimate, corrected)
        )
        return {"left_before": before, "left": after} | {
            f"r_{name}": correlation(corrected[:, i][None], truth[:, i][None])
            for name, i in SHOWN.items()
        }

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device


def train_correction(
    tokenizer: Path, data: Path, loop: LoopSettings, batch: int, seed: int = 0
) -> int:
    """Train on `data/train`, measured on `data/heldout`; resumes. Returns the steps done.

    What the encoders and the landmark network say of each clip is kept in the run, apart for every tokenizer.

    Args:
        tokenizer: checkpoint whose encoders are corrected.
        data: folder of rendered clips.
        loop: how long and how.
        batch: frames per step.
        seed: of weights and batches.

    Raises:
        UserError: there is no tokenizer, or there are no clips with faces.
    """
    torch.manual_seed(seed)
    seeing = shipped_tokenizer(tokenizer)
    train, heldout = (
        estimate_clips(seeing, data / split, loop.run / "estimates" / codec_digest(seeing) / split)
        for split in ("train", "heldout")
    )
    train = train.with_mirrored(seeing.whole.code)
    model = LandmarkCorrection(train.truth.shape[1], WIDTH)
    model.adopt(train.numbers)
    save_config(loop.run, {"width": WIDTH})
    return Loop(CorrectionStage(model, train, heldout, batch, seed), loop, choose_backend()).train()
