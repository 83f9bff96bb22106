"""Latents to tokens and back, and where each token lies in the frame."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from flowact.mmdit.rope import grid_positions


@dataclass(frozen=True)
class PatchGrid:
    """How a latent of several views, side by side, divides into tokens.

    Attributes:
        views: one box (left, top, width, height) in pixels of the frame for each view.
        rows: tokens along the height of a view.
        columns: tokens along the width of a view.
        patch: cells along each side of a token.
    """

    views: Sequence[Sequence[float]]
    rows: int
    columns: int
    patch: int

    @classmethod
    def of(
        cls, height: int, width: int, patch: int, views: Sequence[Sequence[float]]
    ) -> "PatchGrid":
        """Divide latents of `height` x `width` cells.

        Raises:
            ValueError: if they do not divide evenly into views and patches.
        """
        if height % patch or width % (len(views) * patch):
            raise ValueError(
                f"latents of {height}x{width} cells do not divide into {len(views)} views of "
                f"{patch}x{patch} patches"
            )
        return cls(views, height // patch, width // len(views) // patch, patch)

    @property
    def tokens(self) -> int:
        """Tokens per latent."""
        return len(self.views) * self.rows * self.columns

    def positions(self) -> Tensor:
        """Return (y, x) of every token, `[tokens, 2]`; see `rope.grid_positions`."""
        return grid_positions(self.views, self.rows, self.columns)

    def patchify(self, latents: Tensor) -> Tensor:
        """`[batch, L, channels, height, width]` to `[batch, L, tokens, channels * patch**2]`."""
        x: Tensor = latents.unflatten(-1, (len(self.views), self.columns, self.patch))
        x = x.unflatten(3, (self.rows, self.patch))
        # From batch, L, channels, rows, patch, views, columns, patch.
        return x.permute(0, 1, 5, 3, 6, 2, 4, 7).flatten(5).flatten(2, 4)

    def unpatchify(self, tokens: Tensor) -> Tensor:
        """Undo `patchify`."""
        x: Tensor = tokens.unflatten(2, (len(self.views), self.rows, self.columns))
        x = x.unflatten(-1, (-1, self.patch, self.patch))
        # From batch, L, views, rows, columns, channels, patch, patch.
        return x.permute(0, 1, 5, 3, 6, 2, 4, 7).flatten(5).flatten(3, 4)
