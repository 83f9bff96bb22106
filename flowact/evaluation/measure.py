"""The measurements behind `flowact eval`: each takes subjects and gives numbers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flowact.conditioning.audio import log_mel_of_clip
from flowact.errors import UserError
from flowact.evaluation import scores
from flowact.evaluation.readers import MouthReader, SyncNet, face_crops, read_mouth
from flowact.evaluation.subjects import Frame, Subject
from flowact.media import Recording
from flowact.pipeline import FlowActPipeline
from flowact.synthesis.clip import LANDMARKS, Clip
from flowact.timebase import FPS, FRAMES_PER_LATENT, SAMPLES_PER_FRAME
from flowact.tokenizer.tokenizer import Tokenizer

Box = tuple[int, int, int, int]
Curve = NDArray[np.floating[Any]]


def own_tokenizer(pipeline: FlowActPipeline) -> Tokenizer:
    """The pipeline's tokenizer. Raises UserError when it is another autoencoder than ours."""
    tokenizer: object = pipeline.tokenizer
    if not isinstance(tokenizer, Tokenizer):
        kind = type(tokenizer).__name__
        raise UserError(
            f"flowact eval measures checkpoints with FlowAct's own tokenizer, not {kind}."
        )
    return tokenizer


@dataclass(frozen=True)
class Take:
    """What was read from the frames made for a subject: opening and blink [frames], face crops [frames, 3, 96, 96]."""

    subject: Subject
    opening: Curve
    crops: Tensor


def takes(
    pipeline: FlowActPipeline, reader: MouthReader, subjects: Iterable[Subject]
) -> Iterator[Take]:
    """Generate every subject and read its mouth."""
    for subject in subjects:
        crops = face_crops(subject.stream(pipeline))
        yield Take(subject, read_mouth(reader, crops)[:, 0], crops)


def lip_sync_report(taken: list[Take], reader: MouthReader, sync: SyncNet) -> dict[str, float]:
    """Lip-sync, closures and silence of the takes, with the wrong-audio control.

    Curves of all takes are joined for the correlations, so that a person who hardly moves counts as such. The
    resting opening of a take (what the reader says of its shut portrait) is subtracted from its curve.
    """
    made = [np.clip(t.opening - _at_rest(t, reader), 0, None) for t in taken]
    true = [t.subject.opening[: len(m)] for t, m in zip(taken, made, strict=True)]
    wrong = [np.resize(true[i - 1], len(m)) for i, m in enumerate(made)]
    best = scores.lip_sync(np.concatenate(made), np.concatenate(true))
    reach = [
        scores.speaking_range(m[~t.subject.silent[: len(m)]])
        for t, m in zip(taken, made, strict=True)
    ]
    shut = [
        scores.closures_shut(m, t.subject.closures, r)
        for t, m, r in zip(taken, made, reach, strict=True)
    ]
    silent = [
        (scores.SHUT_SHARE * r > m)[t.subject.silent[: len(m)]]
        for t, m, r in zip(taken, made, reach, strict=True)
    ]
    quiet = np.concatenate(silent)
    closed, closures = (sum(counts) for counts in zip(*shut, strict=True))
    return {
        "correlation": best.correlation,
        "lag_frames": float(best.lag_frames),
        "correlation_wrong_audio": scores.correlation(np.concatenate(made), np.concatenate(wrong)),
        "closures_shut": closed / max(closures, 1),
        "closures": float(closures),
        "silent_frames_shut": float(quiet.mean()) if len(quiet) else float("nan"),
        "silent_frames": float(len(quiet)),
        "range_ratio": float(
            np.mean(reach) / max(float(np.mean([scores.speaking_range(t) for t in true])), 1e-6)
        ),
        "av_offset_frames": _av_offset(taken, sync),
    }


def _at_rest(take: Take, reader: MouthReader) -> float:
    return float(read_mouth(reader, face_crops([take.subject.reference]))[0, 0])


@torch.inference_mode()
def _av_offset(taken: list[Take], sync: SyncNet, reach: int = 10) -> float:
    """Offset in frames at which picture and sound fit best, over all takes; positive: the picture is late."""
    total = torch.zeros(2 * reach + 1)
    for take in taken:
        samples = torch.from_numpy(take.subject.samples[: len(take.crops) * SAMPLES_PER_FRAME])
        total += sync.offsets(take.crops, log_mel_of_clip(samples[None])[0], reach)
    return float(int(total.argmax()) - reach)


def tokenizer_report(tokenizer: Tokenizer, paths: list[Path], frames: int = 32) -> dict[str, float]:
    """PSNR and SSIM of reconstructed clips at 480x480, named characters and unseen people apart."""
    rows: dict[str, list[dict[str, float]]] = {"named": [], "unseen": []}
    for path in paths:
        clip = Clip.load(path)
        group = "named" if clip.meta["character"] is not None else "unseen"
        start = max(0, (len(clip) - frames) // 2 // FRAMES_PER_LATENT * FRAMES_PER_LATENT)
        rows[group].append(_reconstruction(tokenizer, clip, slice(start, start + frames)))
    return {
        f"{group}_{name}": float(np.mean([row[name] for row in found]))
        for group, found in rows.items()
        if found
        for name in found[0]
    }


@torch.inference_mode()
def _reconstruction(tokenizer: Tokenizer, clip: Clip, window: slice) -> dict[str, float]:
    truth = torch.from_numpy(clip.pictures(window).copy()).movedim(-1, 1)
    dtype = next(tokenizer.parameters()).dtype
    reference = torch.from_numpy(clip.reference_image().copy()).movedim(-1, 0)[None]
    features = tokenizer.reference_features(_signed(reference).to(dtype))
    latents = tokenizer.encode(_signed(truth)[None].to(dtype), _signed(reference).to(dtype))
    made, _ = tokenizer.decode_uint8(tokenizer.initial_state(features), latents, features)
    pictures = made[0].movedim(-1, 1)
    marks = np.asarray(clip.landmarks[window], np.float32)
    result = {"psnr": scores.psnr(pictures, truth), "ssim": scores.ssim(pictures, truth)}
    for name, boxes in (("mouth", _mouth_boxes(marks)), ("eyes", _eye_boxes(marks))):
        result[f"psnr_{name}"] = _psnr_in(pictures, truth, boxes)
        result[f"still_{name}"] = _psnr_in(reference.expand_as(truth), truth, boxes)
    result["still"] = scores.psnr(reference.expand_as(truth), truth)
    return result


def _signed(picture: Tensor) -> Tensor:
    return picture.float() / 127.5 - 1


def _mouth_boxes(marks: Curve) -> list[Box]:
    left, right = marks[:, LANDMARKS.index("mouth_left")], marks[:, LANDMARKS.index("mouth_right")]
    top, bottom = (
        marks[:, LANDMARKS.index("lip_upper_inner")],
        marks[:, LANDMARKS.index("lip_lower_inner")],
    )
    width = np.linalg.norm(left - right, axis=1)
    x, y = (left + right)[:, 0] / 2, (top + bottom)[:, 1] / 2
    half_height = 0.45 * width + np.abs(bottom - top)[:, 1] / 2
    return _boxes(x, y, 0.75 * width, half_height)


def _eye_boxes(marks: Curve) -> list[Box]:
    left, right = (
        marks[:, LANDMARKS.index("eye_left_centre")],
        marks[:, LANDMARKS.index("eye_right_centre")],
    )
    middle, distance = (left + right) / 2, np.linalg.norm(left - right, axis=1)
    return _boxes(middle[:, 0], middle[:, 1], 0.85 * distance, 0.38 * distance)


def _boxes(
    x: Curve,
    y: Curve,
    half_width: Curve,
    half_height: Curve,
) -> list[Box]:
    edges = np.stack([y - half_height, y + half_height, x - half_width, x + half_width], 1)
    return [(int(a), int(b), int(c), int(d)) for a, b, c, d in np.clip(np.round(edges), 0, 480)]


def _psnr_in(made: Tensor, true: Tensor, boxes: list[Box]) -> float:
    errors = [
        (m[:, a:b, c:d].float() - t[:, a:b, c:d].float()).square().mean()
        for m, t, (a, b, c, d) in zip(made, true, boxes, strict=True)
    ]
    return float(10 * torch.log10(255.0**2 / torch.stack(errors).mean().clamp(min=1e-6)))


@dataclass(frozen=True)
class Drift:
    """Once a second: distance to the reference in identity and colour, sharpness, and motion since the last frame."""

    seconds: NDArray[np.float64]
    identity: NDArray[np.float64]
    colour: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    motion: NDArray[np.float64]

    def growth(self, name: str) -> float:
        """The last minute's mean over the first minute's."""
        values = getattr(self, name)
        first, last = values[self.seconds < 60], values[self.seconds >= self.seconds[-1] - 60]
        return float(last.mean() / max(first.mean(), 1e-9))


def measure_drift(pipeline: FlowActPipeline, subjects: list[Subject], minutes: float) -> Drift:
    """Let the first subject say what all subjects say, over and over, and watch it change."""
    speech = np.concatenate([s.samples for s in subjects])
    recording = Recording.from_samples(
        np.resize(speech, int(minutes * 60 * FPS) * SAMPLES_PER_FRAME)
    )
    reference = subjects[0].reference
    watch = IdentityWatch(own_tokenizer(pipeline), reference)
    rows, previous = [], reference
    for frame in pipeline.stream(reference, recording):
        if frame.index % FPS == FPS - 2:
            previous = frame.image
        if frame.index % FPS == FPS - 1:
            rows.append((frame.time_s, *_look(watch, frame.image, reference, previous)))
    return Drift(*np.array(rows).T)


def _look(
    watch: "IdentityWatch", frame: Frame, reference: Frame, previous: Frame
) -> tuple[float, ...]:
    motion = np.abs(frame.astype(np.int16) - previous).mean()
    return (
        watch.distance(frame), scores.colour_distance(frame, reference), scores.sharpness(frame), float(motion),
    )  # fmt: skip


class IdentityWatch:
    """Distance of a frame to the reference in what the tokenizer knows of a person's looks.

    One minus the cosine of the reference pyramid's features of the face view, averaged over space: hair,
    skin, clothes and light count, pose hardly does.
    """

    def __init__(self, tokenizer: Tokenizer, reference: Frame) -> None:
        self._tokenizer = tokenizer
        self._home = self._features(reference)

    def distance(self, frame: Frame) -> float:
        """0 for the reference itself."""
        return float(1 - torch.cosine_similarity(self._features(frame), self._home, dim=0))

    @torch.inference_mode()
    def _features(self, frame: Frame) -> Tensor:
        view = self._tokenizer.face
        picture = _signed(torch.from_numpy(frame.copy()).movedim(-1, 0)[None])
        dtype = next(view.reference.parameters()).dtype
        found = view.reference(picture.to(dtype))
        maps = (found.warpable, *found.guides)
        return torch.cat([m.float().mean((0, 2, 3)) for m in maps])
