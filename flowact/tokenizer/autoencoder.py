"""The autoencoder of one view: frames to latents, latents to curves, pose and pictures."""

from dataclasses import replace

import torch
from torch import Tensor, nn

from flowact.motion.blinks import BLINKS
from flowact.motion.face_mesh import EYE_SIDES
from flowact.motion.joints import joint
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.code import CLAMP_SIGMA, LinearMotionCodec
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.decoder import (
    EVERY_FRAME,
    LAST_FRAME,
    ReferenceEncoder,
    ViewDecoder,
    ViewReference,
)
from flowact.tokenizer.encoding.view_encoder import ViewEncoder
from flowact.tokenizer.face_mesh.guide import MovedMesh
from flowact.tokenizer.face_mesh.open_eyes import EyeMotion
from flowact.tokenizer.face_mesh.raster import mesh_maps
from flowact.tokenizer.layers import to_channels_last
from flowact.tokenizer.view_layers import Layers
from flowact.tokenizer.views import FULL, VIEWS, Region

_EYES = [joint(f"eye_{side}") for side in EYE_SIDES]

ViewState = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
"""What a view remembers of the frame before: its share of the trunk `[batch, width, 30, 30]`, then `Remembered`."""


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
        self.code = LinearMotionCodec(config.view, config.readouts)
        self.encoder = ViewEncoder(config)
        self.reference = ReferenceEncoder(config)
        self.decoder = ViewDecoder(config)
        to_channels_last(self)

    def estimate(self, frames: Tensor, reference: Tensor) -> Tensor:
        """Standardised curves and pose of a view.

        Args:
            frames: `[batch, n, 3, 240, 240]` in [-1, 1].
            reference: `[batch, 3, 240, 240]` in [-1, 1].

        Returns:
            `[batch, n, curves + pose]`.
        """
        batch, length = frames.shape[:2]
        repeated = reference.repeat_interleave(length, 0)
        estimate: Tensor = self.encoder(frames.flatten(0, 1), repeated)
        return estimate.unflatten(0, (batch, length))

    def look(self, portrait: Tensor, points: Tensor | None = None) -> tuple[Tensor, ViewReference]:
        """Standardised motion `[batch, 1, channels]` of portraits, and what the decoder must know of them.

        Args:
            portrait: whole reference frames `[batch, 3, 480, 480]` in [-1, 1].
            points: landmarks of them; see `ReferenceEncoder`.
        """
        seen = self.view.crop(portrait)
        return self.estimate(seen[:, None], seen), self.reference(portrait, points)

    def decode(
        self,
        state: ViewState,
        before: Tensor,
        motion: Tensor,
        reference: ViewReference,
        every: int = 1,
    ) -> tuple[Layers, ViewState]:
        """Paint the four frames of a latent, given the four before them.

        Args:
            state: what the call before returned, or `steady_state`.
            before: standardised curves and pose, `[batch, 4, channels]`.
            motion: the same of the frames to paint.
            reference: features of `batch` references.
            every: let the network see to one of so many frames, with the last; 1, 2 or 4.

        Returns:
            Layers of `batch * 4` frames, and the state for the next call.
        """
        held, *last = state
        shared = self.decoder.share(before, motion, reference)
        placed = self.decoder.placed(self._mesh(motion, reference))
        frames = slice(every - 1, None, every)
        found = self.decoder(held, shared, motion, reference, placed.of(frames), frames=frames)
        if every > 1:
            found = self.decoder.with_frames_between((*last,), found, placed, reference, every)
        # Cloned, or a saved state would carry what all four frames share.
        after = (shared[:, -1].clone(), *found.last(FRAMES_PER_LATENT))
        return self.decoder.finished(found, placed, reference), after

    def steady_state(self, motion: Tensor, reference: ViewReference) -> ViewState:
        """The state before the first call: as if `motion [batch, 4, channels]` had lasted for long."""
        shared = self.decoder.share(motion, motion, reference)
        held = shared[:, -1].clone()
        placed = self.decoder.placed(self._mesh(motion, reference)).of(LAST_FRAME)
        found = self.decoder(held, shared, motion, reference, placed, frames=LAST_FRAME)
        return held, *found.last(1)

    def _mesh(self, motion: Tensor, reference: ViewReference) -> MovedMesh | None:
        """The faces' meshes in a motion `[batch, n, channels]`."""
        if reference.faces is None:
            return None
        limited = motion.float().clamp(-CLAMP_SIGMA, CLAMP_SIGMA)
        curves, pose = self.code.restore(limited).tensor_split([self.config.curves], -1)
        eyes = pose.flatten(0, 1).unflatten(-1, (-1, 3))[:, _EYES, :2]
        look = EyeMotion(curves[..., BLINKS].flatten(0, 1).clamp(0, 1), eyes)
        return MovedMesh(mesh_maps(reference.faces, curves, self.view), look)

    def forward(
        self, motion: Tensor, picture: Tensor, region: Region = FULL, points: Tensor | None = None
    ) -> Layers:
        """Training pass of the decoder.

        Args:
            motion: see `paint`.
            picture: whole reference frames `[batch, 3, 480, 480]` in [-1, 1].
            region: the part of the view to paint.
            points: landmarks of the references; see `ReferenceEncoder`.

        Returns:
            Layers of `batch * 4 * n` frames.
        """
        return self.paint(motion, self.reference(picture, points), region)

    def paint(
        self,
        motion: Tensor,
        reference: ViewReference,
        region: Region = FULL,
        frames: slice = EVERY_FRAME,
    ) -> Layers:
        """Paint latents that follow one another, all at once.

        Args:
            motion: standardised curves and pose, `[batch, 4 * (n + 2), channels]`; all but the
                first eight frames are painted.
            reference: features of `batch` references.
            region: the part of the view to paint.
            frames: which of the four frames of a latent.

        Returns:
            Layers of `batch * 4 * n` frames, or of so many fewer.
        """
        latents = motion.unflatten(1, (-1, FRAMES_PER_LATENT))
        before, now = latents[:, :-1], latents[:, 1:]
        guides = tuple(
            guide.repeat_interleave(now.shape[1], 0).contiguous(memory_format=torch.channels_last)
            for guide in reference.guides
        )
        shared = self.decoder.share(
            before.flatten(0, 1), now.flatten(0, 1), replace(reference, guides=guides)
        ).unflatten(0, now.shape[:2])
        held, own = shared[:, :-1, -1].flatten(0, 1), shared[:, 1:].flatten(0, 1)
        mesh = self._mesh(now[:, 1:].flatten(1, 2), reference)
        placed = self.decoder.placed(mesh, region).of(frames)
        found = self.decoder(held, own, now[:, 1:].flatten(0, 1), reference, placed, region, frames)
        return self.decoder.finished(found, placed, reference, region)
