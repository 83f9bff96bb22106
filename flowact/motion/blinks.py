"""Blinks that shut the eyes: lids that stop half-way neither look out nor blink."""

from typing import Final

from torch import Tensor

from flowact.motion.arkit import columns

BLINKS: Final = columns("eyeBlink")
"""Curves of the left and the right eye's lids."""
_SQUINTS: Final = columns("eyeSquint"), columns("cheekSquint")
"""Curves of the lower lids, then of the cheeks below them."""
_TIGHT: Final = 0.4
"""How far these rise when the eyes are shut: one muscle runs round the eye."""
_FALLING, _FALLEN = 0.45, 0.78
"""How far lids are shut up to which they stay where they are, and from which on the eye is shut."""


def to_whole_blinks(curves: Tensor) -> Tensor:
    """What makes blinks whole that are nearly made.

    A generator of few steps gives the mean of what lids may do. In the frames in which they are shut in the data, it
    shuts them by four fifths. Lower lids and cheeks of the data do not rise with a blink, as those of people do.

    Args:
        curves: ARKit activations `[..., 52]`.

    Returns:
        What is to be added to them: nothing to lids that are less than half shut, or wholly.
    """
    shut = curves[..., BLINKS]
    share = ((shut - _FALLING) / (_FALLEN - _FALLING)).clamp(0, 1)
    more = shut * (1 / _FALLEN - 1) * share.square() * (3 - 2 * share)
    whole = (shut + more).clamp(max=1).maximum(shut)
    added = curves.new_zeros(curves.shape)
    added[..., BLINKS] = whole - shut
    for pair in _SQUINTS:
        added[..., pair] = (_TIGHT * whole - curves[..., pair]).clamp(min=0)
    return added
