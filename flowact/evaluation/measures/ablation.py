"""`flowact eval --ablate`: what each part of the model, and each setting of the sampler, is worth.

Measured on the motion that the latents say, which our tokenizer reads exactly, so that a variant costs
seconds instead of the minutes that pictures would take.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flowact.datagen.performance.behaviours import opens_without_speech
from flowact.evaluation.measures.memory_ablation import MaskedMemoryTransformer
from flowact.evaluation.measures.motion import blinks_per_minute
from flowact.mmdit.memory import REFERENCE, SHORT_TERM
from flowact.mmdit.model import FlowActTransformer
from flowact.motion.arkit import columns
from flowact.motion.joints import joint
from flowact.pipeline.sampling import SamplingConfig
from flowact.streaming.settings import StepSettings
from flowact.timebase import FRAMES_PER_CHUNK
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.data.latents import LatentClip
from flowact.training.data.motion_only_clips import make_clip, shipped_codes
from flowact.training.data.samples import PRESS
from flowact.training.transformer.lip_metrics import quiet_frames
from flowact.training.transformer.rollouts import generate
from flowact.training.transformer.run_weights import load_stage

SECONDS: Final = 8.0
FIRST_SEED: Final = 70_000_000
"""Of the sentences that are said; no training clip has such a seed."""
RESAMPLES: Final = 2000
STEPS: Final = (1, 2, 3, 4, 8, 20)
MANY: Final = 7
"""Calls a chunk of a patient model: 21 steps from noise to latents on a diagonal of three chunks."""
_JAW: Final = columns("jawOpen")[0]
_PRESSED: Final = columns("mouthPress")
_LIDS: Final = columns("eyeBlink")
_PARTING: Final = (*columns("jawOpen"), *columns("mouthLowerDown"), *columns("mouthUpperUp"))
_SHUT: Final = 0.10
"""Share of the speaking range of the lips below which they count as shut."""

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Variant:
    """One line of the table.

    Attributes:
        name: of the line.
        transformer: that makes the latents.
        settings: how it is sampled.
    """

    name: str
    transformer: FlowActTransformer
    settings: StepSettings


@dataclass(frozen=True)
class Interval:
    """A mean over sentences and seeds with the ends of its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.2f}±{(self.high - self.low) / 2:.2f}"


def variants(transformer: FlowActTransformer, scheduler: SamplingConfig) -> Iterator[Variant]:
    """The shipped model, then everything that can be taken away or changed without training."""
    shipped = scheduler.settings

    def sampled(name: str, **changes: Any) -> Variant:
        made: SamplingConfig = SamplingConfig.from_config(scheduler.config, **changes)
        return Variant(name, transformer, made.settings)

    yield Variant("as shipped", transformer, shipped)
    portrait, recent = ((REFERENCE,), (REFERENCE, SHORT_TERM))
    yield Variant("without memory", MaskedMemoryTransformer.of(transformer, *portrait), shipped)
    yield Variant(
        "without long-term memory", MaskedMemoryTransformer.of(transformer, *recent), shipped
    )
    for level in (0.2, 0.5):
        changes = {"refinement_period": 4, "refinement_level": level}
        yield sampled(f"memory refined every 4 chunks from {level}", **changes)
    yield sampled("refined from 0.5, reference guidance 2", **changes, refinement_guidance=2.0)
    for calls in STEPS:
        yield sampled(f"sequential, {calls} steps", kind="sequential", calls=calls)
    for calls in (1, 2, 4):
        yield sampled(f"diagonal, {3 * calls} steps", kind="diagonal", calls=calls)
    asked = "guidance" if shipped.guidance_embedding is None else "guidance_embedding"
    for guidance in (1.0, 2.0, 3.0):
        yield sampled(f"guidance {guidance:g}", **{asked: guidance})


def others(name: str, folder: Path, dtype: torch.dtype) -> Iterator[Variant]:
    """The model of another checkpoint, or of a run of any stage: as it was trained to be sampled, and in many steps.

    The second is what a student of few steps is compared with.
    """
    transformer, scheduler = load_stage(folder)
    yield Variant(name, transformer.to(dtype), scheduler.settings)
    patient: SamplingConfig = SamplingConfig.from_config(scheduler.config, calls=MANY)
    yield Variant(f"{name}, {MANY} calls", transformer, patient.settings)


def sentences(count: int) -> list[LatentClip]:
    """Performances of the held-out voice and held-out sentences that nobody rendered."""
    codes = shipped_codes()
    return [make_clip(codes, FIRST_SEED + i, SECONDS, "heldout") for i in range(count)]


def measure_variant(
    variant: Variant, tokenizer: Tokenizer, clips: Sequence[LatentClip], seeds: int
) -> dict[str, Interval]:
    """Generate the clips with every seed and compare their motion with the truth's.

    Returns:
        `lips`: correlation of the jaw's opening with the truth's where only speech opens it.
        `lips_wrong`: with another sentence's. `shut`: share of the frames of P, B and M in which the
        lips are shut. `silence`: opening in silence above the truth's. `blinks`: per minute.
        `richness`: deviation of the head's pose over the truth's. `tremble`: change of the head's
        speed from frame to frame over the truth's. `border`: change of the head's pose across chunk
        borders over that within chunks.
    """
    rows: list[dict[str, Rows]] = []
    for seed in range(seeds):
        made = generate(variant.transformer, clips, variant.settings, seed=1000 * seed)
        rows.append(_scores(tokenizer, made, [clip.shortened(made.shape[1]) for clip in clips]))
    joined = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    return {name: interval(values) for name, values in joined.items()}


def interval(values: Rows) -> Interval:
    """Mean of `[n]` values with a bootstrap interval; values that are not numbers do not count."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"))
    rng = np.random.default_rng(0)
    means = rng.choice(known, (RESAMPLES, len(known))).mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Interval(float(known.mean()), float(low), float(high))


def _scores(tokenizer: Tokenizer, made: Tensor, clips: Sequence[LatentClip]) -> dict[str, Rows]:
    """Every measure of every clip, `[clips]` each."""
    curves = tokenizer.curves(made).double().cpu().numpy()
    pose = tokenizer.pose(made).double().cpu().numpy()
    truth = torch.stack([clip.motion for clip in clips]).double().numpy()
    true_curves = truth[..., : curves.shape[-1]]
    true_pose = truth[..., curves.shape[-1] :].reshape(pose.shape)
    head, true_head = pose[:, :, joint("head")], true_pose[:, :, joint("head")]
    quiet = [quiet_frames(clip.mel)[: curves.shape[1]].numpy() for clip in clips]
    jaws, true_jaws = curves[..., _JAW], true_curves[..., _JAW]
    pairs = list(zip(jaws, true_jaws, quiet, strict=True))
    spoken = [~opens_without_speech(clip.behaviour.numpy())[: curves.shape[1]] for clip in clips]
    both = [s & spoken[i - 1] for i, s in enumerate(spoken)]
    return {
        "lips": np.array([_correlation(a[s], b[s]) for (a, b, _), s in zip(pairs, spoken, strict=True)]),
        "lips_wrong": np.array([_correlation(jaws[i][s], true_jaws[i - 1][s]) for i, s in enumerate(both)]),
        "shut": np.array([_shut(a, b) for a, b in zip(curves, true_curves, strict=True)]),
        "silence": np.array([(a - b)[q].mean() if q.any() else np.nan for a, b, q in pairs]),
        "blinks": np.array([blinks_per_minute([c]) for c in curves[..., _LIDS].mean(-1)]),
        "richness": _ratio(head.std(1).mean(1), true_head.std(1).mean(1)),
        "tremble": _ratio(_mean(np.diff(head, n=2, axis=1)), _mean(np.diff(true_head, n=2, axis=1))),
        "border": _border(head),
    }  # fmt: skip


def _correlation(a: Rows, b: Rows) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else float("nan")


def _shut(curves: Rows, truth: Rows) -> float:
    """Share of the frames with lips pressed in truth whose lips are shut; not-a-number without any."""
    pressed = truth[:, _PRESSED].mean(1) > 0.8 * PRESS
    parting = curves[:, _PARTING].mean(1)
    span = np.quantile(parting, 0.95)
    return float((parting[pressed] < _SHUT * span).mean()) if pressed.any() else float("nan")


def _border(head: Rows) -> Rows:
    change = np.abs(np.diff(head, axis=1)).mean(2)
    across = np.arange(1, head.shape[1]) % FRAMES_PER_CHUNK == 0
    return _ratio(change[:, across].mean(1), change[:, ~across].mean(1))


def _mean(values: Rows) -> Rows:
    return np.asarray(np.abs(values).mean((1, 2)))


def _ratio(values: Rows, truth: Rows) -> Rows:
    return np.asarray(values / np.maximum(truth, 1e-9))


def plain(table: Mapping[str, Mapping[str, Interval]]) -> dict[str, dict[str, list[float]]]:
    """The table as JSON can hold it: mean, low and high of every measure."""
    return {
        name: {measure: [v.mean, v.low, v.high] for measure, v in row.items()}
        for name, row in table.items()
    }
