"""Lips against sound: correlation and lag, closures, silence, audio-visual offset."""

import numpy as np
import torch

from flowact.conditioning.audio import log_mel_of_clip
from flowact.evaluation.judges import scores
from flowact.evaluation.judges.readers import SyncNet
from flowact.evaluation.measures.measurements import Curve, Take
from flowact.timebase import SAMPLES_PER_FRAME

WRONG_PARTNERS = 5
"""Sentences of other takes that each take is also compared with."""


def lip_report(takes: list[Take], sync: SyncNet) -> dict[str, float]:
    """Measure all takes together; speaking ranges are those of all speech.

    Returns:
        `correlation` of true and measured opening at the best lag within +-6 frames, `lag_frames` (positive:
        the picture is late), the same correlation with other takes' sentences, the median of single takes,
        the shares of closures and of silent frames that are shut and their counts, how far mouths open
        compared with the truth, and the offset that the sync network finds.
    """
    made, true = [t.opening for t in takes], [t.subject.opening for t in takes]
    best = scores.lip_sync(made, true)
    shut, closures = np.sum(
        [scores.closures_shut(t.opening, t.subject.closures) for t in takes], axis=0
    )
    reach = scores.speaking_range(_spoken(takes, made))
    quiet = np.concatenate([t.opening[t.subject.silent[: len(t.opening)]] for t in takes])
    return {
        "takes": len(takes),
        "correlation": best.correlation,
        "lag_frames": best.lag_frames,
        "correlation_wrong_audio": _wrong_audio(made, true),
        "correlation_median_take": float(
            np.median(
                [scores.lip_sync([m], [t]).correlation for m, t in zip(made, true, strict=True)]
            )
        ),
        "closures_shut": shut / closures if closures else float("nan"),
        "closures": int(closures),
        "silent_frames_shut": scores.share_below(quiet, scores.SHUT_SHARE * reach),
        "silent_frames": len(quiet),
        "range_of_truth": reach / max(scores.speaking_range(_spoken(takes, true)), 1e-6),
        "av_offset_frames": av_offset(takes, sync),
    }


def _spoken(takes: list[Take], curves: list[Curve]) -> Curve:
    """The frames of all curves in which something is said."""
    spoken = [c[~t.subject.silent[: len(c)]] for t, c in zip(takes, curves, strict=True)]
    joined = np.concatenate(spoken)
    return joined[np.isfinite(joined)]


def _wrong_audio(made: list[Curve], true: list[Curve]) -> float:
    """Mean correlation with the sentences of other takes; not-a-number for a single take."""
    shifts = range(1, min(len(made), WRONG_PARTNERS + 1))
    found = [scores.lip_sync(made, true[k:] + true[:k]).correlation for k in shifts]
    return float(np.mean(found)) if found else float("nan")


@torch.inference_mode()
def av_offset(takes: list[Take], sync: SyncNet, reach: int = 10) -> int:
    """Offset in frames at which picture and sound fit best, over all takes; positive: the picture is late."""
    total = torch.zeros(2 * reach + 1)
    for take in takes:
        if len(take.crops) > 2 * reach:
            samples = torch.from_numpy(take.subject.samples[: len(take.crops) * SAMPLES_PER_FRAME])
            total += sync.offsets(take.crops, log_mel_of_clip(samples[None])[0], reach)
    return int(total.argmax()) - reach
