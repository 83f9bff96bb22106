"""How much a person moves, blinks and flickers, apart from the lips."""

import numpy as np

from flowact.evaluation.measures.measurements import Curve, Take
from flowact.motion.arkit import columns
from flowact.timebase import FPS, FRAMES_PER_CHUNK, FRAMES_PER_LATENT

EYES_SHUT = 0.5
"""Eyes count as shut from this closure on."""


def motion_report(made: list[Take], truth: list[Take]) -> dict[str, float]:
    """Motion of generated takes beside that of the rendered ones of the same sentences.

    Returns:
        `richness`: grey levels that a pixel of the small picture varies by over time, and its share of the
        rendered takes'; `blinks_per_minute` of both; `chunk_border_change` and `latent_border_change`: how
        much more frames change across a border than inside a latent (1: nothing to be seen there).
    """
    richness, rendered = _richness(made), _richness(truth)
    return {
        "richness": richness,
        "richness_of_truth": richness / max(rendered, 1e-6),
        "blinks_per_minute": blinks_per_minute([t.blink for t in made]),
        "blinks_per_minute_truth": blinks_per_minute([_true_blink(t) for t in truth]),
        **border_changes([t.change for t in made]),
    }


def _richness(takes: list[Take]) -> float:
    return float(np.mean([take.small.std(0).mean() for take in takes]))


def _true_blink(take: Take) -> Curve:
    if take.subject.clip is None:
        raise ValueError(f"{take.subject.name} has no rendered clip to read blinks from")
    return np.asarray(take.subject.clip.curves, np.float32)[:, columns("eyeBlink")].mean(1)


def blinks_per_minute(closures: list[Curve]) -> float:
    """How often eyes go shut, from curves [frames] of their closure."""
    shut = [curve > EYES_SHUT for curve in closures]
    blinks = sum(int((~s[:-1] & s[1:]).sum()) for s in shut)
    return blinks / max(sum(map(len, shut)) / (60 * FPS), 1e-6)


def border_changes(changes: list[Curve]) -> dict[str, float]:
    """Mean change of frames across chunk and latent borders over that within latents.

    Args:
        changes: difference of frame 1, 2, ... from the one before, one curve a take, from its first frame.
    """
    joined = np.concatenate(changes)
    into = np.concatenate([np.arange(1, len(change) + 1) for change in changes])
    chunk = into % FRAMES_PER_CHUNK == 0
    latent = (into % FRAMES_PER_LATENT == 0) & ~chunk
    within = max(float(joined[into % FRAMES_PER_LATENT != 0].mean()), 1e-6)
    return {
        "chunk_border_change": _mean(joined[chunk]) / within,
        "latent_border_change": _mean(joined[latent]) / within,
    }


def _mean(values: Curve) -> float:
    return float(values.mean()) if len(values) else float("nan")
