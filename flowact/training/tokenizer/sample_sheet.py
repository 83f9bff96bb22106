"""The picture that tells a person how a tokenizer is doing."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from flowact.tokenizer.views import VIEW_SIZE, View
from flowact.training.tokenizer.clips import Windows
from flowact.training.tokenizer.losses import EYE_LEFT, EYE_RIGHT, LOWER, UPPER

ROWS = 8
MOUTH_SPAN, EYES_SPAN = 0.3, 0.4
"""Sides of the zoomed squares as shares of the 240 frame pixels of a face box."""


def draw_sheet(path: Path, windows: Windows, painted: Tensor, view: View) -> None:
    """Write rows of reference, truth, reconstruction, then mouth and eyes of the last two, enlarged.

    Args:
        path: PNG file to write.
        windows: `n` held-out windows.
        painted: their reconstructions `[n * m, 3, 240, 240]`; the third is shown.
        view: the view they show.
    """
    made = painted.unflatten(0, windows.frames.shape[:2])[:, 2]
    truth = windows.frames[:, 2]
    still = view.crop(windows.picture)
    rows = [
        _row(still[i], truth[i], made[i], windows.landmarks[i, 2], view)
        for i in range(min(ROWS, len(truth)))
    ]
    sheet = torch.cat(rows, 1).add(1).mul(127.5).clamp(0, 255).byte()
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(sheet.movedim(0, -1).cpu())).save(path)


def _row(still: Tensor, truth: Tensor, made: Tensor, landmarks: Tensor, view: View) -> Tensor:
    mouth = landmarks[[UPPER, LOWER]].mean(0)
    eyes = landmarks[[EYE_LEFT, EYE_RIGHT]].mean(0)
    zooms = [
        _zoom(picture, centre, span * VIEW_SIZE * VIEW_SIZE / view.size)
        for centre, span in ((mouth, MOUTH_SPAN), (eyes, EYES_SPAN))
        for picture in (truth, made)
    ]
    return torch.cat([still, truth, made, *zooms], 2).float()


def _zoom(picture: Tensor, centre: Tensor, side: float) -> Tensor:
    """A square of `side` pixels round `centre`, enlarged to the view's size."""
    half = side / 2
    left, top = (float(c.clamp(half, VIEW_SIZE - half)) - half for c in centre)
    x, y, n = round(left), round(top), round(side)
    cut = picture[None, :, y : y + n, x : x + n].float()
    return F.interpolate(cut, size=(VIEW_SIZE, VIEW_SIZE), mode="bilinear")[0]
