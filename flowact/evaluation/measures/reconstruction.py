"""What the tokenizer keeps of rendered clips: PSNR and SSIM, whole, at the mouth and at the eyes."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.datagen.clip import LANDMARKS, Clip
from flowact.errors import UserError
from flowact.evaluation.judges.scores import decibel, ssim_map
from flowact.evaluation.measures.measurements import Curve
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.chunks import look_at
from flowact.pipeline.encode_video import encode_video
from flowact.portrait import reference_points
from flowact.timebase import FRAME_SIZE, FRAMES_PER_LATENT
from flowact.tokenizer.encoding.fitting import fit_latents
from flowact.tokenizer.encoding.registration import ROUNDS
from flowact.tokenizer.tokenizer import Tokenizer

Box = tuple[slice, slice]
_RIM = 5  # pixels round the picture that the window of the similarity does not reach


def own_tokenizer(pipeline: FlowActPipeline) -> Tokenizer:
    """The pipeline's tokenizer. Raises UserError when it is another autoencoder than ours."""
    tokenizer: object = pipeline.tokenizer
    if not isinstance(tokenizer, Tokenizer):
        kind = type(tokenizer).__name__
        raise UserError(
            f"flowact eval measures checkpoints with FlowAct's own tokenizer, not {kind}."
        )
    return tokenizer


def tokenizer_report(
    tokenizer: Tokenizer, trained: Tokenizer, paths: Iterable[Path], steps: int, frames: int = 16
) -> dict[str, float]:
    """Reconstruct the middle of every clip at 480x480, named characters and unseen people apart.

    Args:
        tokenizer: that decodes.
        trained: the same as it was trained, to fit latents with: eight bits have no gradient.
        paths: of the clips.
        steps: of the fitting.
        frames: of each clip.

    Returns:
        For `named` and `unseen` people, as means over clips, over the whole picture, the mouth and the
        eyes: PSNR in dB and SSIM of the picture from fitted latents; for comparison `encoded`, the PSNR
        from latents that are encoded and not fitted, `at_one_look`, from those whose faces are not registered
        either, and `still`, that of the portrait held still.
    """
    groups: dict[str, list[dict[str, float]]] = {"named": [], "unseen": []}
    for path in paths:
        clip = Clip.load(path)
        group = "named" if clip.meta["character"] is not None else "unseen"
        groups[group].append(_measure(tokenizer, trained, clip, steps, frames))
    report: dict[str, float] = {}
    for group, rows in groups.items():
        report[f"{group}_clips"] = len(rows)
        for name in rows[0] if rows else ():
            report[f"{group}_{name}"] = float(np.mean([row[name] for row in rows]))
    return report


def _measure(
    tokenizer: Tokenizer, trained: Tokenizer, clip: Clip, steps: int, frames: int
) -> dict[str, float]:
    """Scores of the middle of one clip; the two latents before it are decoded too, for the decoder's memory."""
    first = max(0, (len(clip) - frames) // 2 // FRAMES_PER_LATENT * FRAMES_PER_LATENT)
    lead = min(first, 2 * FRAMES_PER_LATENT)
    window = slice(first, first + frames)
    pictures = torch.from_numpy(clip.pictures(slice(first - lead, window.stop)).copy())
    reference = torch.from_numpy(clip.reference_image().copy()).movedim(-1, 0)[None]
    truth = pictures.movedim(-1, 1)
    encoded = _encode(trained, truth, reference)
    at_one_look = _encode(trained, truth, reference, rounds=0)
    portrait = _given(trained, reference)
    target = signed(truth)[None].to(trained.device)
    points = reference_points(signed(reference)) if trained.uses_landmarks else None
    fitted = fit_latents(trained, encoded, target, portrait, points, steps)
    made = _decode(tokenizer, fitted, reference)[lead:]
    others = {"encoded": encoded, "at_one_look": at_one_look}
    shown = {name: _decode(tokenizer, z, reference)[lead:] for name, z in others.items()}
    shown["still"] = reference
    truth = truth[lead:]
    alike = F.pad(ssim_map(made, truth), [_RIM] * 4, value=float("nan"))
    result = {}
    for name, boxes in _views(np.asarray(clip.landmarks[window], np.float32)):
        result[f"psnr{name}"] = decibel(_mean_in(_error(made, truth), boxes))
        result[f"ssim{name}"] = _mean_in(alike, boxes)
        for kind, pictures in shown.items():
            result[f"{kind}{name}"] = decibel(_mean_in(_error(pictures, truth), boxes))
    return result


def _error(made: Tensor, truth: Tensor) -> Tensor:
    """Squared error [n, h, w] of pictures [n, 3, h, w]."""
    return (made.float() - truth.float()).square().mean(1)


@torch.no_grad()
def _encode(
    tokenizer: Tokenizer, frames: Tensor, reference: Tensor, rounds: int = ROUNDS
) -> Tensor:
    """Latents of frames uint8 [n, 3, 480, 480] of the person of a portrait [1, 3, 480, 480]; see `encode_video`."""
    given = _given(tokenizer, frames)[None]
    return encode_video(tokenizer, given, _given(tokenizer, reference), rounds)


@torch.inference_mode()
def _decode(tokenizer: Tokenizer, latents: Tensor, reference: Tensor) -> Tensor:
    """Frames uint8 [n, 3, 480, 480] of latents of the person of a portrait [1, 3, 480, 480]."""
    features = look_at(tokenizer, _given(tokenizer, reference))
    state = tokenizer.initial_state(features)
    made, _ = tokenizer.decode_uint8(state, latents, features, exact=True)
    return made[0].movedim(-1, 1).cpu()


def _given(tokenizer: Tokenizer, pictures: Tensor) -> Tensor:
    """Pictures in [0, 255] as a tokenizer takes them, where it is."""
    return signed(pictures).to(tokenizer.device, tokenizer.dtype)


def signed(picture: Tensor) -> Tensor:
    """Pixels from [0, 255] to [-1, 1]."""
    return picture.float() / 127.5 - 1


def _mean_in(values: Tensor, boxes: list[Box]) -> float:
    """Mean of maps [n, h, w] in the pixels of one box a map."""
    inside = torch.cat([v[box].flatten() for v, box in zip(values, boxes, strict=True)])
    return float(inside.nanmean())


def _views(marks: Curve) -> Iterator[tuple[str, list[Box]]]:
    """The whole picture, and boxes round mouth and eyes, from landmarks [n, 8, 2]."""
    yield "", [(slice(None), slice(None))] * len(marks)
    yield "_mouth", _mouth_boxes(marks)
    yield "_eyes", _eye_boxes(marks)


def _mark(marks: Curve, name: str) -> Curve:
    return marks[:, LANDMARKS.index(name)]


def _mouth_boxes(marks: Curve) -> list[Box]:
    left, right = _mark(marks, "mouth_left"), _mark(marks, "mouth_right")
    top, bottom = _mark(marks, "lip_upper_inner"), _mark(marks, "lip_lower_inner")
    width = np.linalg.norm(left - right, axis=1)
    x, y = (left + right)[:, 0] / 2, (top + bottom)[:, 1] / 2
    half_height = 0.45 * width + np.abs(bottom - top)[:, 1] / 2
    return _boxes(x, y, 0.75 * width, half_height)


def _eye_boxes(marks: Curve) -> list[Box]:
    left, right = _mark(marks, "eye_left_centre"), _mark(marks, "eye_right_centre")
    middle, distance = (left + right) / 2, np.linalg.norm(left - right, axis=1)
    return _boxes(middle[:, 0], middle[:, 1], 0.85 * distance, 0.38 * distance)


def _boxes(x: Curve, y: Curve, half_width: Curve, half_height: Curve) -> list[Box]:
    edges = np.stack([y - half_height, y + half_height, x - half_width, x + half_width], 1)
    inside = np.clip(np.round(edges), 0, FRAME_SIZE).astype(int)
    return [(slice(a, b), slice(c, d)) for a, b, c, d in inside.tolist()]
