"""Losses of the tokenizer. All pictures are `[n, 3, 240, 240]` in [-1, 1]."""

import torch
from torch import Tensor
from torch.nn import functional as F

from flowact.datagen.clip import LANDMARKS
from flowact.timebase import FRAME_SIZE
from flowact.tokenizer.views import CELLS, FACE, VIEW_SIZE, Region, View

MOUTH_LEFT, MOUTH_RIGHT, UPPER, LOWER, EYE_LEFT, EYE_RIGHT = (
    LANDMARKS.index(name)
    for name in (
        *("mouth_left", "mouth_right", "lip_upper_inner", "lip_lower_inner"),
        *("eye_left_centre", "eye_right_centre"),
    )
)


def charbonnier(difference: Tensor, eps: float, weight: Tensor | None = None) -> Tensor:
    """Weighted mean of `sqrt(d^2 + eps^2) - eps` (Charbonnier et al., 1994).

    A large `eps` early in training is nearly the squared error, whose gradient finds faint
    structure; a small one is the absolute error, which is sharp.
    """
    distance = (difference.square() + eps**2).sqrt() - eps
    if weight is None:
        return distance.mean()
    return (distance * weight).mean() / weight.mean()


def picture_loss(painted: Tensor, truth: Tensor, eps: float, weight: Tensor) -> Tensor:
    """Charbonnier distance at full and at quarter size, the mean of both.

    The coarse half tells the painter what is there - an open mouth, a shut eye - while it does not
    yet know exactly where.
    """
    difference = painted - truth
    fine = charbonnier(difference, eps, weight)
    coarse = charbonnier(F.avg_pool2d(difference, 4), eps, F.avg_pool2d(weight, 4))
    return (fine + coarse) / 2


def annealed(start: float, end: float, step: int, steps: int) -> float:
    """From `start` to `end` over `steps`, evenly in the logarithm."""
    return float(start * (end / start) ** min(1.0, step / steps))


def soft_box(centre: Tensor, radius: Tensor) -> Tensor:
    """Flat-topped window round points of a view.

    Args:
        centre: pixels (x, y), `[n, 2]`.
        radius: pixels along x and y, `[n, 2]`.

    Returns:
        `[n, 1, 240, 240]`, 1 at the centre, 1/e at the radius along an axis.
    """
    pixels = torch.arange(VIEW_SIZE, device=centre.device) + 0.5
    profile = torch.exp(-((pixels - centre[..., None]) / radius[..., None]).pow(4))
    return (profile[:, 1, :, None] * profile[:, 0, None, :])[:, None]


def mouth_box(landmarks: Tensor) -> Tensor:
    """Soft box round the mouth, 0.75 mouth widths to each side and as far up and down plus half the opening.

    Args:
        landmarks: pixels of the view, `[n, 8, 2]`.
    """
    corners = landmarks[:, [MOUTH_LEFT, MOUTH_RIGHT]]
    lips = landmarks[:, [UPPER, LOWER]]
    width = _face_scale(landmarks)
    gap = (lips[:, 1, 1] - lips[:, 0, 1]).abs()
    centre = torch.stack([corners[..., 0].mean(1), lips[..., 1].mean(1)], -1)
    return soft_box(centre, torch.stack([width * 0.6, width * 0.45 + gap / 2], -1))


def eyes_box(landmarks: Tensor) -> Tensor:
    """Soft boxes round both eyes, brows included."""
    scale = _face_scale(landmarks)
    radius = torch.stack([scale * 0.4, scale * 0.35], -1)
    left, right = (soft_box(landmarks[:, i], radius) for i in (EYE_LEFT, EYE_RIGHT))
    return torch.maximum(left, right)


def _face_scale(landmarks: Tensor) -> Tensor:
    """About the distance between the eyes in pixels, `[n]`, also when the head is turned."""
    eyes = (landmarks[:, EYE_LEFT] - landmarks[:, EYE_RIGHT]).norm(dim=-1)
    middle = landmarks[:, [EYE_LEFT, EYE_RIGHT]].mean(1)
    height = (landmarks[:, [MOUTH_LEFT, MOUTH_RIGHT]].mean(1) - middle).norm(dim=-1)
    return torch.maximum(eyes, height).clamp(min=4.0)


def region_weight(
    landmarks: Tensor, visible: Tensor, mouth: float, eyes: float, hidden: float
) -> Tensor:
    """How much every pixel counts, `[n, 1, 240, 240]`, at least 1.

    Args:
        landmarks: `[n, 8, 2]`.
        visible: `[n, 60, 60]`; what the reference does not show must be painted and counts
            `1 + hidden`.
        mouth: what the centre of the mouth adds.
        eyes: what the centres of the eyes add.
        hidden: what must be painted adds.
    """
    unseen = F.interpolate(1 - visible[:, None], size=(VIEW_SIZE, VIEW_SIZE), mode="nearest")
    return 1 + hidden * unseen + mouth * mouth_box(landmarks) + eyes * eyes_box(landmarks)


def trusted(region: Region, margin: int) -> Tensor:
    """Where a region's picture is as the full view's would be, `[1, 1, 240, 240]` of 0 and 1.

    Cells near a border inside the view lack their neighbours, so `margin` cells do not count.
    """
    (top, bottom), (left, right) = (
        (start + margin * (start > 0), end - margin * (end < CELLS))
        for start, end in (
            (region.top, region.top + region.height),
            (region.left, region.left + region.width),
        )
    )
    cells = torch.zeros(1, 1, CELLS, CELLS)
    cells[..., top:bottom, left:right] = 1
    return F.interpolate(cells, size=(VIEW_SIZE, VIEW_SIZE), mode="nearest")


def covered_by_face(view: View, feather: int) -> Tensor:
    """Where the face view hides this one, `[1, 1, 240, 240]` of 0 and 1; nowhere in the face view itself."""
    hidden = torch.zeros(1, 1, VIEW_SIZE, VIEW_SIZE)
    if view != FACE:
        corners = torch.tensor([[FACE.left, FACE.top], [FACE.left, FACE.top]], dtype=torch.float32)
        corners += torch.tensor([[feather], [FACE.size - feather]])
        (left, top), (right, bottom) = view.pixels(corners).int().tolist()
        hidden[..., top:bottom, left:right] = 1
    return hidden


def detail_loss(
    painted: Tensor, truth: Tensor, eps: float, weight: Tensor, levels: int = 2
) -> Tensor:
    """Charbonnier distance of horizontal and vertical differences at full and half size: sharpness of edges."""
    total = painted.new_zeros(())
    difference = painted - truth
    for _ in range(levels):
        across = difference[..., :, 1:] - difference[..., :, :-1]
        down = difference[..., 1:, :] - difference[..., :-1, :]
        total = total + charbonnier(across, eps, weight[..., :, 1:])
        total = total + charbonnier(down, eps, weight[..., 1:, :])
        difference, weight = F.avg_pool2d(difference, 2), F.avg_pool2d(weight, 2)
    return total / (2 * levels)


def temporal_loss(
    painted: Tensor, truth: Tensor, eps: float, weight: Tensor, frames: int
) -> Tensor:
    """Charbonnier distance of the changes between the `frames` of every window: flicker.

    Args:
        painted: frame after frame, window after window.
        truth: what they should show.
        eps: of the Charbonnier distance.
        weight: how much every pixel counts, `[n, 1, 240, 240]`.
        frames: of a window.
    """
    change = (painted - truth).unflatten(0, (-1, frames)).diff(dim=1)
    return charbonnier(change, eps, weight.unflatten(0, (-1, frames))[:, 1:])


def flow_loss(flow: Tensor, truth: Tensor, visible: Tensor, weight: Tensor) -> Tensor:
    """Huber distance to the renderer's flow, in pixels of the frame, over what the reference shows.

    Args:
        flow: predicted displacement `[n, 2, h, w]`.
        truth: true displacement, the same shape.
        visible: `[n, h, w]`.
        weight: how much the picture counts, `[n, 1, 4 h, 4 w]`; eyelids and lips are few cells.
    """
    pixels = FRAME_SIZE / 2
    distance = F.huber_loss(flow * pixels, truth * pixels, reduction="none")
    counts = visible[:, None] * F.adaptive_avg_pool2d(weight, visible.shape[-2:])
    return (distance.mean(1, keepdim=True) * counts).sum() / counts.sum().clamp(min=1.0)


def visibility_loss(mask: Tensor, visible: Tensor, weight: Tensor) -> Tensor:
    """Cross entropy between the mask, averaged to 60x60, and the true visibility.

    Args:
        mask: `[n, 1, p, p]` in [0, 1].
        visible: `[n, 60, 60]`.
        weight: how much the picture counts, `[n, 1, 240, 240]`. An open mouth is few cells, and a
            mask that stays shut over it leaves the painter nothing to do.
    """
    pooled = F.adaptive_avg_pool2d(mask.float(), visible.shape[-2:])[:, 0].clamp(1e-4, 1 - 1e-4)
    entropy = -(visible * pooled.log() + (1 - visible) * (1 - pooled).log())
    counts = F.adaptive_avg_pool2d(weight, visible.shape[-2:])[:, 0]
    return (entropy * counts).mean() / counts.mean()


def paint_sparsity(paint: Tensor, visible: Tensor, weight: Tensor) -> Tensor:
    """Mean size of the paint where the reference shows the surface and nothing much happens.

    Args:
        paint: `[n, 3, p, p]`.
        visible: `[n, 60, 60]`.
        weight: how much the picture counts there, `[n, 1, 240, 240]`.
    """
    shown = F.interpolate(visible[:, None], size=paint.shape[-2:], mode="nearest")
    share = shown / F.adaptive_avg_pool2d(weight, paint.shape[-2:]).clamp(min=1)
    return (paint.float().abs() * share).mean()


def psnr(painted: Tensor, truth: Tensor, weight: Tensor | None = None) -> float:
    """Peak signal-to-noise ratio in dB for pictures in [-1, 1], over the pixels where `weight` exceeds 1/2."""
    error = (painted - truth).square().mean(1, keepdim=True)
    chosen = error if weight is None else error[weight > 0.5]
    return float(10 * torch.log10(4 / chosen.mean().clamp(min=1e-10)))
