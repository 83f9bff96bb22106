"""The autoencoder of one view: frames to latents, latents to curves, pose and pictures."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.config import LATENT_CHANNELS, LATENT_GRID, ViewConfig
from flowact.tokenizer.decoder import Layers, ReferenceEncoder, ViewDecoder, ViewReference
from flowact.tokenizer.layers import Pyramid, conv, to_channels_last, zero_init
from flowact.tokenizer.moments import RunningMoments
from flowact.tokenizer.views import VIEWS

SCAFFOLD_STEPS = 700
"""After this many steps the scaffold stays as it is: its latents are what the encoder aims at."""

READOUT_SCALE = 1 / 16
"""Latents enter the linear read-out scaled down, so that a thousand inputs start with a gradient of order one."""


class ViewEncoder(nn.Module):
    """Four frames and the reference, 240x240 each, to one raw latent ``[batch, 16, 8, 8]``."""

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.pyramid = Pyramid(3 * (FRAMES_PER_LATENT + 1), config.encoder_widths, blocks=1)
        self.leave = conv(config.encoder_widths[-1], LATENT_CHANNELS, 1)

    def forward(self, frames: Tensor, reference: Tensor) -> Tensor:
        """``frames [batch, 4, 3, 240, 240]`` and ``reference [batch, 3, 240, 240]``, in [-1, 1]."""
        stacked = torch.cat([frames.flatten(1, 2), reference], 1)
        features = stacked.to(self.leave.weight.dtype).contiguous(memory_format=torch.channels_last)
        return self.leave(self.pyramid(features)[-1]).float()


class Readout(nn.Module):
    """One linear map from a view's latent to the curves and the pose of its four frames.

    It keeps the latents meaningful while they are learned, measures lips without a picture, and
    its weights tell the video model which directions of the latent move the face.
    """

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.curves, self.channels = config.curves, config.readouts
        inputs = LATENT_CHANNELS * LATENT_GRID**2
        self.linear = zero_init(nn.Linear(inputs, FRAMES_PER_LATENT * self.channels))
        self.moments = RunningMoments(self.channels, floor=0.02)
        self.register_buffer("error", torch.ones(self.channels))
        self.error: Tensor

    def standardised(self, z: Tensor) -> Tensor:
        """``z [batch, 16, 8, 8]`` to targets in units of their own deviation, ``[batch, 4, curves + pose]``."""
        flat = z.flatten(1).to(self.linear.weight.dtype) * READOUT_SCALE
        return self.linear(flat).unflatten(-1, (FRAMES_PER_LATENT, self.channels))

    @property
    def standardised_weight(self) -> Tensor:
        """The map of :meth:`standardised` without its bias, ``[4, curves + pose, 16, 8, 8]``."""
        shape = (FRAMES_PER_LATENT, self.channels, LATENT_CHANNELS, LATENT_GRID, LATENT_GRID)
        return self.linear.weight.reshape(shape) * READOUT_SCALE

    def forward(self, z: Tensor) -> Tensor:
        """``z [batch, 16, 8, 8]`` to curves and pose, ``[batch, 4, curves + pose]``."""
        return self.moments.restore(self.standardised(z))


class Scaffold(nn.Module):
    """A latent made of the true curves and pose of its frames; used in training only.

    An encoder and a decoder that start from nothing take long to agree on what a latent says of
    mouth and eyes. The scaffold says it at once, through one linear map that is learned with the
    decoder, and the encoder learns to say the same from the pictures.
    """

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        inputs = FRAMES_PER_LATENT * config.readouts
        self.linear = nn.Linear(inputs, LATENT_CHANNELS * LATENT_GRID**2)
        self.moments = RunningMoments(LATENT_CHANNELS, limit=SCAFFOLD_STEPS)

    def forward(self, standardised: Tensor, update: bool) -> Tensor:
        """Standardised read-outs ``[batch, 4 * n, c]`` to normalised latents ``[batch, n, 16, 8, 8]``."""
        frames = standardised.clamp(-4, 4).unflatten(1, (-1, FRAMES_PER_LATENT)).flatten(2)
        raw = self.linear(frames).float()
        raw = raw.unflatten(-1, (LATENT_CHANNELS, LATENT_GRID, LATENT_GRID))
        if int(self.moments.updates) >= SCAFFOLD_STEPS:
            raw = raw.detach()
        if update:
            self.moments.update(raw.movedim(2, -1))
        return self.moments.normalise(raw.movedim(2, -1)).movedim(-1, 2)


@dataclass(frozen=True)
class Reconstruction:
    """What a training step needs of one window.

    Attributes:
        latent: normalised latents of the encoder before noise, ``[batch, 2, 16, 8, 8]``.
        scaffold: the scaffold's, of the same frames; None without ground truth.
        readout: standardised read-outs of the second latent, ``[batch, 4, curves + pose]``.
        layers: picture layers of the second latent's ``batch * 4`` frames.
    """

    latent: Tensor
    scaffold: Tensor | None
    readout: Tensor
    layers: Layers


class ViewAutoencoder(nn.Module):
    """Encoder, read-out and decoder of one view (the compact tokenizer's half).

    The decoder warps the reference as in first-order motion models (Siarohin et al., 2019) and
    paints what the warp cannot give; hair, clothes and background then come from the reference
    and not through the latent.
    """

    def __init__(self, config: ViewConfig) -> None:
        super().__init__()
        self.config, self.view = config, VIEWS[config.view]
        self.encoder = ViewEncoder(config)
        self.moments = RunningMoments(LATENT_CHANNELS)
        self.readout = Readout(config)
        self.scaffold = Scaffold(config)
        self.reference = ReferenceEncoder(config)
        self.decoder = ViewDecoder(config)
        to_channels_last(self)

    def encode(self, frames: Tensor, reference: Tensor) -> Tensor:
        """Latents of a view.

        Args:
            frames: ``[batch, 4 * n, 3, 240, 240]`` in [-1, 1].
            reference: ``[batch, 3, 240, 240]`` in [-1, 1].

        Returns:
            ``[batch, n, 16, 8, 8]``, about unit variance per channel.
        """
        return self._normalise(self.encode_raw(frames, reference))

    def encode_raw(self, frames: Tensor, reference: Tensor) -> Tensor:
        """Like :meth:`encode`, before normalisation."""
        batch, length = frames.shape[:2]
        if length % FRAMES_PER_LATENT:
            raise ValueError(f"{length} frames given, expected a multiple of {FRAMES_PER_LATENT}")
        groups = frames.unflatten(1, (-1, FRAMES_PER_LATENT)).flatten(0, 1)
        repeated = reference.repeat_interleave(length // FRAMES_PER_LATENT, 0)
        return self.encoder(groups, repeated).unflatten(0, (batch, -1))

    def forward(
        self,
        frames: Tensor,
        picture: Tensor,
        noise: float = 0.0,
        frozen: bool = False,
        readouts: Tensor | None = None,
        supported: Tensor | None = None,
    ) -> Reconstruction:
        """Training pass over windows of two latents.

        Args:
            frames: ``[batch, 8, 3, 240, 240]`` in [-1, 1]; the first four give the previous latent.
            picture: whole reference frames ``[batch, 3, 480, 480]`` in [-1, 1].
            noise: deviation of the Gaussian noise on the latents that read-out and decoder see.
            frozen: train the decoder alone; encoder and statistics stay as they are.
            readouts: true curves and pose of the frames, ``[batch, 8, curves + pose]``.
            supported: bool ``[batch]``, windows whose decoder sees the scaffold's latents.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
            latent, scaffold = self._latents(
                frames, picture, readouts, self.training and not frozen
            )
        seen = latent
        if scaffold is not None and supported is not None:
            seen = torch.where(supported[:, None, None, None, None], scaffold, latent)
        noisy = seen + noise * torch.randn_like(seen)
        standardised = self.readout.standardised(noisy[:, 1])
        layers = self.decode(noisy[:, 0], noisy[:, 1], self.reference(picture))
        return Reconstruction(latent, scaffold, standardised, layers)

    def decode(self, previous: Tensor, current: Tensor, reference: ViewReference) -> Layers:
        """Paint the four frames of ``current``, given the latent before it.

        Args:
            previous: ``[batch, 16, 8, 8]``.
            current: ``[batch, 16, 8, 8]``.
            reference: features of ``batch`` references.
        """
        # The read-out answers to the truth alone, not to what the painter would like it to say.
        controls = self.readout.standardised(current).detach()
        return self.decoder(previous, current, controls, reference)

    def _latents(
        self, frames: Tensor, picture: Tensor, readouts: Tensor | None, update: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Latents of the encoder and, where the truth is known, of the scaffold."""
        raw = self.encode_raw(frames, self.view.crop(picture))
        if update:
            self.moments.update(raw.movedim(2, -1))
        if readouts is None:
            return self._normalise(raw), None
        truth = self.readout.moments.normalise(readouts)
        return self._normalise(raw), self.scaffold(truth, update)

    def _normalise(self, raw: Tensor) -> Tensor:
        return self.moments.normalise(raw.movedim(2, -1)).movedim(-1, 2)
