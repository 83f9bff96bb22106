"""Small networks that judge generated video: how open a mouth is, and whether it fits the sound.

They are trained on rendered clips (`flowact eval --fit`), where the truth is known, and never see the
networks they judge.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from flowact import assets
from flowact.conditioning.audio import MEL_BINS, MEL_PER_TOKEN
from flowact.errors import UserError
from flowact.timebase import FACE_BOX

CROP_HEIGHT, CROP_WIDTH = 88, 80
"""Size of the crop that the readers see, at half the frame's resolution."""

_LEFT, _TOP = (
    FACE_BOX[0] + 40,
    FACE_BOX[1] + 48,
)  # eyes, mouth and chin stay right and below of here

SYNC_FRAMES = 5
"""Frames that the sync network compares with the sound of the same 0.2 s."""

_MOUTH = (slice(24, 88), slice(8, 72))
"""Where lips and chin are in a crop, with room for turning heads: 64x64."""
_EYES = (slice(0, 40), slice(0, 80))
"""Where both eyes are: 40x80."""

Frame = NDArray[np.uint8]


def face_crop(frame: Frame) -> Tensor:
    """Eyes, mouth and chin of a frame uint8 [480, 480, 3] at half its size: uint8 [3, 88, 80]."""
    box = frame[_TOP : _TOP + 2 * CROP_HEIGHT, _LEFT : _LEFT + 2 * CROP_WIDTH].astype(np.uint16)
    quads = box.reshape(CROP_HEIGHT, 2, CROP_WIDTH, 2, 3).sum((1, 3))
    return torch.from_numpy(((quads + 2) // 4).astype(np.uint8).transpose(2, 0, 1).copy())


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
        self.mouth = _tower(3, (24, 48, 72, 96))
        self.opening = nn.Linear(96 * 4 * 4, 1)
        self.eyes = _tower(3, (16, 32, 48))
        self.blink = nn.Linear(48 * 5 * 10, 1)

    def forward(self, crops: Tensor) -> Tensor:
        """Crops uint8 or float [n, 3, 88, 80] in [0, 255] to [n, 2]: opening and blink."""
        x = crops.float() / 127.5 - 1
        opening = self.opening(self.mouth(x[:, :, *_MOUTH]).flatten(1))
        blink = self.blink(self.eyes(x[:, :, *_EYES]).flatten(1))
        return torch.cat([opening, blink], 1)


class SyncNet(nn.Module):
    """Embeds five frames of the mouth, and the mel frames of the same time, into one space.

    After Chung and Zisserman, "Out of Time: Automated Lip Sync in the Wild" (2016), with a softmax over offsets
    within the clip in place of the pairwise hinge.
    """

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.eye = _tower(SYNC_FRAMES, (32, 48, 72, 96))
        self.ear = _tower(1, (24, 48, 72, 96))
        self.see = nn.Linear(96 * 4 * 4, width)
        self.hear = nn.Linear(96 * 5 * 2, width)
        self.scale = nn.Parameter(torch.tensor(10.0))

    def video(self, crops: Tensor) -> Tensor:
        """Face crops [t, 3, 88, 80] of consecutive frames to unit embeddings [t - 4, width]."""
        grey = crops[:, :, *_MOUTH].float().mean(1) / 127.5 - 1
        windows = grey.unfold(0, SYNC_FRAMES, 1).permute(0, 3, 1, 2)
        return F.normalize(self.see(self.eye(windows).flatten(1)), dim=1)

    def audio(self, mel: Tensor) -> Tensor:
        """Mel frames [4 * t, 80] to unit embeddings [t - 4, width]."""
        windows = mel.unfold(0, SYNC_FRAMES * MEL_PER_TOKEN, MEL_PER_TOKEN)
        return F.normalize(self.hear(self.ear(windows[:, None]).flatten(1)), dim=1)

    def offsets(self, crops: Tensor, mel: Tensor, reach: int = 10) -> Tensor:
        """Mean similarity [2 * reach + 1] of picture and sound when the picture is -reach..reach frames late."""
        if len(mel) != MEL_PER_TOKEN * len(crops) or mel.shape[1] != MEL_BINS:
            expected = f"[{MEL_PER_TOKEN * len(crops)}, {MEL_BINS}]"
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
    """The readers of the assets. Raises UserError when they are missing or damaged."""
    models = (MouthReader(), SyncNet())
    for model, name in zip(models, ("mouth_reader", "sync_net"), strict=True):
        path = reader_path(name)
        if not path.exists():
            raise UserError(f"{path} is missing; train it with `flowact eval --fit --data DIR`.")
        try:
            model.load_state_dict({k: v.float() for k, v in load_file(path).items()})
        except (SafetensorError, RuntimeError) as error:
            raise UserError(
                f"{path} is damaged or of another version; train it with `flowact eval --fit --data DIR`."
            ) from error
        model.eval()
    return models


@torch.inference_mode()
def read_mouth(reader: MouthReader, crops: Tensor) -> NDArray[np.float32]:
    """Opening and blink [n, 2] of face crops [n, 3, 88, 80]; never below 0."""
    parts = [reader(part) for part in crops.split(64)]
    values = torch.cat(parts) if parts else torch.zeros(0, 2)
    return values.float().clamp(min=0).numpy()
