"""The autoencoder of one view: frames to latents, latents to curves, pose and pictures."""

import torch
from torch import Tensor, nn

from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.code import AnimationCode
from flowact.tokenizer.config import LATENT_CHANNELS, LATENT_GRID, ViewConfig
from flowact.tokenizer.decoder import Layers, ReferenceEncoder, ViewDecoder, ViewReference
from flowact.tokenizer.layers import Pyramid, activate, to_channels_last, zero_init
from flowact.tokenizer.views import FULL, VIEWS, Region

HIDDEN = 256
"""Width of the encoder's layer between its coarsest features and the channels it estimates."""


class ViewEncoder(nn.Module):
    """Four frames and the reference, 240x240 each, to standardised curves and pose of the frames."""

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.channels = config.readouts
        self.pyramid = Pyramid(3 * (FRAMES_PER_LATENT + 1), config.encoder_widths, blocks=1)
        self.gather = nn.Linear(config.encoder_widths[-1] * LATENT_GRID**2, HIDDEN)
        self.leave = zero_init(nn.Linear(HIDDEN, FRAMES_PER_LATENT * self.channels))

    def forward(self, frames: Tensor, reference: Tensor) -> Tensor:
        """``frames [batch, 4, 3, 240, 240]`` and ``reference [batch, 3, 240, 240]`` in [-1, 1].

        Returns ``[batch, 4, curves + pose]``.
        """
        stacked = torch.cat([frames.flatten(1, 2), reference], 1).to(self.leave.weight.dtype)
        features = self.pyramid(stacked.contiguous(memory_format=torch.channels_last))[-1]
        estimate = self.leave(activate(self.gather(features.flatten(1))))
        return estimate.float().unflatten(-1, (FRAMES_PER_LATENT, self.channels))


class ViewAutoencoder(nn.Module):
    """Encoder, code and decoder of one view (the compact tokenizer's half).

    The encoder estimates curves and pose, the code spreads them over the latent, and the decoder
    draws what it reads there. It warps the reference as first-order motion models do (Siarohin et
    al., 2019) and paints what the warp cannot give; hair, clothes and background then come from the
    reference and not through the latent.
    """

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.config, self.view = config, VIEWS[config.view]
        self.code = AnimationCode(config.view, config.readouts)
        self.encoder = ViewEncoder(config)
        self.reference = ReferenceEncoder(config)
        self.decoder = ViewDecoder(config)
        to_channels_last(self)

    def encode(self, frames: Tensor, reference: Tensor) -> Tensor:
        """Latents of a view.

        Args:
            frames: ``[batch, 4 * n, 3, 240, 240]`` in [-1, 1].
            reference: ``[batch, 3, 240, 240]`` in [-1, 1].

        Returns:
            ``[batch, n, 16, 8, 8]`` of about unit variance.
        """
        return self.code.write(self.estimate(frames, reference))

    def estimate(self, frames: Tensor, reference: Tensor) -> Tensor:
        """Standardised curves and pose ``[batch, 4 * n, channels]`` of frames as in :meth:`encode`."""
        batch, length = frames.shape[:2]
        if length % FRAMES_PER_LATENT:
            raise ValueError(f"{length} frames given, expected a multiple of {FRAMES_PER_LATENT}")
        groups = frames.unflatten(1, (-1, FRAMES_PER_LATENT)).flatten(0, 1)
        repeated = reference.repeat_interleave(length // FRAMES_PER_LATENT, 0)
        return self.encoder(groups, repeated).unflatten(0, (batch, -1)).flatten(1, 2)

    def decode(self, previous: Tensor, current: Tensor, reference: ViewReference) -> Layers:
        """Paint the four frames of ``current``, given the latent before it.

        Args:
            previous: ``[batch, 16, 8, 8]``.
            current: ``[batch, 16, 8, 8]``.
            reference: features of ``batch`` references.
        """
        for z in (previous, current):
            _check_latent(z)
        return self.decoder(self.code.read(previous), self.code.read(current), reference)

    def forward(self, motion: Tensor, picture: Tensor, region: Region = FULL) -> Layers:
        """Training pass of the decoder.

        Args:
            motion: standardised curves and pose, ``[batch, 8, channels]``; the last four frames are
                painted.
            picture: whole reference frames ``[batch, 3, 480, 480]`` in [-1, 1].
            region: the part of the view to paint.

        Returns:
            Layers of ``batch * 4`` frames.
        """
        before, now = motion.split(FRAMES_PER_LATENT, 1)
        return self.decoder(before, now, self.reference(picture), region)


def _check_latent(z: Tensor) -> None:
    expected = (LATENT_CHANNELS, LATENT_GRID, LATENT_GRID)
    if z.shape[1:] != expected:
        raise ValueError(f"a view's latent is {tuple(z.shape[1:])}, expected {expected}")
