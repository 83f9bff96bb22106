"""Sizes of the tokenizer's network."""

from dataclasses import dataclass
from typing import Final

from flowact.timebase import FRAMES_PER_LATENT

LATENT_CHANNELS = 16
LATENT_GRID = 8
"""Cells per side of one view's latent."""

DRAWN_STEPS: Final = ("detail", "mouth", "eyes", "lids", "arms", "gestures", "blinks")
"""Fields of `Tokenizer`'s configuration that say how much of something is drawn, from 0, none, to 1."""


@dataclass(frozen=True)
class ViewConfig:
    """Sizes of one view's autoencoder.

    Attributes:
        view: "whole" or "face".
        encoder_widths: channels at 120, 60, 30, 15 and 8 cells.
        reference_widths: the same for the reference pyramid; the second is the warped map's width.
        trunk_widths: channels of the decoder at 8, 15 and 30, shared by the four frames of a
            latent.
        frame_widths: channels of the decoder at 30, 60 and 120, for every frame.
        trunk_blocks, frame_blocks: residual blocks at those resolutions.
        blend: share of its own part in what each of the four frames takes from the trunk; the rest
            is what the last frame before them took. Where that rises slowly to 1, nothing jumps from
            one latent to the next.
        paint_scale: 1 paints at 120x120, 2 at 240x240 by pixel shuffle.
        mesh: whether a mesh that is fitted to the reference's landmarks moves the warp; see
            `flowact.tokenizer.face_mesh`.
        curves: facial curves read from a latent, per frame.
        joints: joints whose three pose numbers are read from a latent, per frame.
    """

    view: str = "whole"
    encoder_widths: tuple[int, ...] = (32, 64, 96, 128, 160)
    reference_widths: tuple[int, ...] = (16, 32, 64, 96, 128)
    trunk_widths: tuple[int, ...] = (192, 128, 96)
    frame_widths: tuple[int, ...] = (96, 64, 32)
    trunk_blocks: tuple[int, ...] = (2, 2, 1)
    frame_blocks: tuple[int, ...] = (1, 1, 1)
    blend: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    paint_scale: int = 1
    mesh: bool = False
    curves: int = 52
    joints: int = 18

    def __post_init__(self) -> None:
        lengths = {"encoder_widths": 5, "reference_widths": 5, "trunk_widths": 3, "frame_widths": 3}
        lengths |= {"trunk_blocks": 3, "frame_blocks": 3, "blend": FRAMES_PER_LATENT}
        for name, length in lengths.items():
            value = getattr(self, name)
            if len(value) != length:
                raise ValueError(f"{name} has {len(value)} entries, expected {length}: {value}")
            object.__setattr__(self, name, tuple(value))
        if self.blend[-1] != 1 or not all(0 <= share <= 1 for share in self.blend):
            raise ValueError(f"blend is {self.blend}, expected shares of 0 to 1 that end with 1")
        if self.view not in ("whole", "face"):
            raise ValueError(f"view is {self.view!r}, expected 'whole' or 'face'")
        if self.paint_scale not in (1, 2):
            raise ValueError(f"paint_scale is {self.paint_scale}, expected 1 or 2")

    @property
    def readouts(self) -> int:
        """Numbers read from a latent per frame: curves, then pose."""
        return self.curves + 3 * self.joints


WHOLE_CONFIG = ViewConfig(view="whole", frame_blocks=(1, 1, 0), blend=(0.25, 0.5, 0.75, 1.0))
FACE_CONFIG = ViewConfig(view="face", frame_blocks=(1, 2, 1), paint_scale=2, mesh=True)
