"""Numbers of tensors as compiled loops see them: by their bits, since NumPy knows no bfloat16."""

from typing import Any, Final

import numba
import numpy as np
import torch
from torch import Tensor

_WIDTHS: Final = {torch.float32: torch.uint32, torch.bfloat16: torch.uint16}
_NARROW: Final = np.uint32(16)
"""Bits that bfloat16 lacks."""
_HALF: Final = np.uint32(0x7FFF)
# Sums may be split for vector instructions, but what is not a number must stay visible.
compiled: Any = numba.njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"}
)


def takes(x: Tensor) -> bool:
    """Whether compiled loops can take these numbers: on a processor, when nobody asks for a gradient."""
    return x.device.type == "cpu" and x.dtype in _WIDTHS and not torch.is_grad_enabled()


def bits_of(x: Tensor) -> Any:
    """The bits of float32 or bfloat16, as an array of uint32 or uint16 that shares the memory of `x`."""
    return x.detach().view(_WIDTHS[x.dtype]).numpy()


@compiled  # type: ignore[untyped-decorator]
def read(bits: Any, wide: Any) -> None:
    """Write the float32 bits of a row of numbers given by theirs."""
    shift = np.uint32(32 - 8 * bits.itemsize)
    for i in range(bits.size):
        wide[i] = np.uint32(bits[i]) << shift


@compiled  # type: ignore[untyped-decorator]
def write(wide: Any, bits: Any) -> None:
    """The inverse of `read`, rounded to the nearest number, to an even one of two."""
    if bits.itemsize == 4:
        for i in range(bits.size):
            bits[i] = wide[i]
    else:
        for i in range(bits.size):
            even = (wide[i] >> _NARROW) & np.uint32(1)
            bits[i] = np.uint16((wide[i] + _HALF + even) >> _NARROW)
