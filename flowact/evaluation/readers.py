"""Small networks that judge generated video: how open a mouth is, and whether it fits the sound.

They are trained on rendered clips (`flowact eval --fit`), where the truth is known, and never see the
networks they judge.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from flowact import assets
from flowact.conditioning.audio import MEL_BINS
from flowact.errors import UserError
from flowact.timebase import FACE_BOX

READER_SIZE = 96
"""Edge of the face crop that the readers see, in pixels."""

SYNC_FRAMES = 5
"""Frames that the sync network compares with the sound of the same 0.2 s."""

MEL_PER_FRAME = 4
Frame = NDArray[np.uint8]


def face_crops(frames: Iterable[Frame]) -> Tensor:
    """The face box of frames uint8 [480, 480, 3] at reader size: uint8 [n, 3, 96, 96]."""
    x, y, size = FACE_BOX
    crops = []
    for frame in frames:
        crop = (
            torch.from_numpy(frame[y : y + size, x : x + size].copy())
            .permute(2, 0, 1)[None]
            .float()
        )
        small = F.interpolate(crop, size=(READER_SIZE, READER_SIZE), mode="area")
        crops.append(small.round().to(torch.uint8))
    return (
        torch.cat(crops)
        if crops
        else torch.zeros(0, 3, READER_SIZE, READER_SIZE, dtype=torch.uint8)
    )


def _tower(channels: int, widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in widths:
        layers += [nn.Conv2d(channels, width, 3, 2, 1), nn.GroupNorm(8, width), nn.SiLU()]
        channels = width
    return nn.Sequential(*layers)


class MouthReader(nn.Module):
    """Opening of the mouth (lip gap over mouth width) and closure of the eyes, from one face crop."""

    def __init__(self) -> None:
        super().__init__()
        self.tower = _tower(3, (24, 48, 72, 96))
        self.head = nn.Linear(96 * 6 * 6, 2)

    def forward(self, crops: Tensor) -> Tensor:
        """Crops uint8 or float [n, 3, 96, 96] in [0, 255] to [n, 2]: opening and blink."""
        features = self.tower(crops.float() / 127.5 - 1)
        return torch.as_tensor(self.head(features.flatten(1)))


class SyncNet(nn.Module):
    """Embeds five frames of the lower face, and the mel frames of the same time, into one space.

    After Chung and Zisserman, "Out of Time: Automated Lip Sync in the Wild" (2016), with a softmax over offsets
    within the clip in place of the pairwise hinge.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.eye = _tower(SYNC_FRAMES, (32, 48, 72, 96))
        self.ear = _tower(1, (24, 48, 72, 96))
        self.see = nn.Linear(96 * 3 * 6, width)
        self.hear = nn.Linear(96 * 5 * 2, width)
        self.scale = nn.Parameter(torch.tensor(10.0))

    def video(self, crops: Tensor) -> Tensor:
        """Face crops [t, 3, 96, 96] of consecutive frames to unit embeddings [t - 4, width]."""
        grey = crops[:, :, READER_SIZE // 2 :].float().mean(1) / 127.5 - 1
        windows = grey.unfold(0, SYNC_FRAMES, 1).permute(0, 3, 1, 2)
        return F.normalize(self.see(self.eye(windows).flatten(1)), dim=1)

    def audio(self, mel: Tensor) -> Tensor:
        """Mel frames [4 * t, 80] to unit embeddings [t - 4, width]."""
        windows = mel.unfold(0, SYNC_FRAMES * MEL_PER_FRAME, MEL_PER_FRAME)
        return F.normalize(self.hear(self.ear(windows[:, None]).flatten(1)), dim=1)

    def offsets(self, crops: Tensor, mel: Tensor, reach: int = 10) -> Tensor:
        """Mean similarity [2 * reach + 1] of picture and sound when the picture is -reach..reach frames late."""
        if len(mel) != MEL_PER_FRAME * len(crops) or mel.shape[1] != MEL_BINS:
            expected = f"[{MEL_PER_FRAME * len(crops)}, {MEL_BINS}]"
            raise ValueError(f"mel is {list(mel.shape)}, expected {expected}")
        seen, heard = self.video(crops), self.audio(mel)
        similar = []
        for lag in range(-reach, reach + 1):
            count = len(seen) - abs(lag)
            pair = seen[max(lag, 0) :][:count] * heard[max(-lag, 0) :][:count]
            similar.append(pair.sum(1).mean())
        return torch.stack(similar)


def reader_path(name: str) -> Path:
    """Where the weights of a reader lie in the assets."""
    return assets.folder() / "evaluation" / f"{name}.safetensors"


def save_reader(model: nn.Module, path: Path) -> None:
    """Write the weights in half precision."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k: v.half().contiguous() for k, v in model.state_dict().items()}, path)


def load_readers() -> tuple[MouthReader, SyncNet]:
    """The readers of the assets. Raises UserError when they have not been trained."""
    models = (MouthReader(), SyncNet())
    for model, name in zip(models, ("mouth_reader", "sync_net"), strict=True):
        path = reader_path(name)
        if not path.exists():
            raise UserError(f"{path} is missing; train it with `flowact eval --fit --data DIR`.")
        model.load_state_dict({k: v.float() for k, v in load_file(path).items()})
        model.eval()
    return models


@torch.inference_mode()
def read_mouth(reader: MouthReader, crops: Tensor) -> NDArray[np.float32]:
    """Opening and blink [n, 2] of face crops [n, 3, 96, 96]; never below 0."""
    parts = [reader(part) for part in crops.split(64)]
    values = torch.cat(parts) if parts else torch.zeros(0, 2)
    return values.float().clamp(min=0).numpy()
