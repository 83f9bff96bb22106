"""A tiny decoder of Wan's latents: twenty times as quick as the autoencoder's own, and less exact.

The architecture and the names of the weights are those of TAEHV (Ollin Boer Bohan, "Tiny AutoEncoder for
Hunyuan Video and other video models"), so its published `taew2_1` and `taew2_2` can be loaded. Frames are
computed one by one in a row of plain convolutions. Some blocks look at the frame before as well; what they
saw last is all that a stream has to remember, and pieces of any sizes equal the whole.
"""

from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowact.errors import UserError
from flowact.tokenizer.video.causal_cache import Features

WIDTHS: Final = (256, 128, 64, 64)
GROWTH: Final = (1, 2, 2)
"""Frames that come out of a stage for every one that goes in."""
BLOCKS: Final = 3
"""Blocks with memory in every stage."""
DECODER: Final = "decoder."
"""Prefix of the decoder's weights in a published file, which holds an encoder too."""


class SoftClamp(nn.Module):
    """Keep latents within three deviations."""

    def forward(self, x: Tensor) -> Tensor:
        """Squeeze `x` into (-3, 3)."""
        return torch.tanh(x / 3) * 3


class MemoryBlock(nn.Module):
    """A residual block that sees a frame's features and those of the frame before."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
        )

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """Features of frames and of the frames before them, `[n, width, h, w]` each."""
        return F.relu(self.conv(torch.cat((x, before), 1)) + x)


class TimeGrowth(nn.Module):
    """Make one or two frames of every frame."""

    def __init__(self, width: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.conv = nn.Conv2d(width, width * frames, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch * t, width, h, w]` to `[batch * t * frames, width, h, w]`."""
        grown: Tensor = self.conv(x)
        return grown.unflatten(1, (self.frames, -1)).flatten(0, 1)


class TinyVideoDecoder(nn.Module):
    """Latents to frames, one latent at a time.

    Args:
        channels: of a latent.
        patch: pixels along each side that one value of the last layer stands for: 1 for Wan 2.1's
            latents, 2 for those of 2.2.
        widths: of the stages; the published ones unless a test wants less.
    """

    def __init__(self, channels: int, patch: int, widths: tuple[int, ...] = WIDTHS) -> None:
        super().__init__()
        self.patch, self.widths = patch, widths
        layers: list[nn.Module] = [
            SoftClamp(),
            nn.Conv2d(channels, widths[0], 3, padding=1),
            nn.ReLU(),
        ]
        for width, following, frames in zip(widths[:-1], widths[1:], GROWTH, strict=True):
            layers += [MemoryBlock(width) for _ in range(BLOCKS)]
            layers += [nn.Upsample(scale_factor=2), TimeGrowth(width, frames)]
            layers.append(nn.Conv2d(width, following, 3, padding=1, bias=False))
        layers += [nn.ReLU(), nn.Conv2d(widths[-1], 3 * patch**2, 3, padding=1)]
        self.decoder = nn.Sequential(*layers)

    def load_published(self, path: Path) -> None:
        """Take the decoder's weights of a file of TAEHV.

        Raises:
            UserError: it cannot be read, or holds a decoder of another kind.
        """
        try:
            found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
            weights = {name: w for name, w in found.items() if name.startswith(DECODER)}
            for name, layer in self.decoder.named_children():
                if isinstance(layer, TimeGrowth):  # published for two frames where one is made
                    key = f"{DECODER}{name}.conv.weight"
                    weights[key] = weights[key][-len(layer.conv.weight) :]
            self.load_state_dict(weights)
        except Exception as error:  # whatever a file that is none makes the reader raise
            first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise UserError(f"{path} holds no tiny decoder of these latents: {first}") from error

    def first(self, latent: Tensor) -> tuple[Tensor, Features]:
        """Decode the first latent of a video, `[batch, c, h, w]`: one frame, and what follows needs."""
        x = latent.unsqueeze(1).flatten(0, 1)
        nothing = tuple(
            x.new_zeros(len(x), width, *(side * 2**stage for side in x.shape[-2:]))
            for stage, width in enumerate(self.widths[:-1])
            for _ in range(BLOCKS)
        )
        frames, features = self.next(nothing, latent)
        return frames[:, -1:], features

    def next(self, features: Features, latent: Tensor) -> tuple[Tensor, Features]:
        """Decode one further latent.

        Args:
            features: what the call before returned; they are not changed.
            latent: `[batch, c, h, w]`, of about unit variance.

        Returns:
            Frames `[batch, 4, 3, height, width]` in [-1, 1], and what the next latent needs.
        """
        batch, x = len(latent), latent
        remembered, kept = iter(features), []
        for layer in self.decoder:
            if isinstance(layer, MemoryBlock):
                seen = x.unflatten(0, (batch, -1))
                before = torch.cat((next(remembered).unsqueeze(1), seen[:, :-1]), 1)
                kept.append(seen[:, -1].clone())
                x = layer(x, before.flatten(0, 1))
            else:
                x = layer(x)
        frames = F.pixel_shuffle(x, self.patch) if self.patch > 1 else x
        return frames.clamp(0, 1).mul(2).sub(1).unflatten(0, (batch, -1)), tuple(kept)


def tiny_decoder_of(vae: Any) -> TinyVideoDecoder:
    """Make a tiny decoder, without weights, of an autoencoder's latents."""
    return TinyVideoDecoder(vae.config.z_dim, vae.config.patch_size or 1)
