"""The decoder's 3x3 convolutions in eight bits (integer-only convolutions, Jacob et al., 2018).

Weights are rounded once, every output channel with a scale of its own. Activations are rounded where they
enter a convolution, with parameters that a calibration fixed beforehand, so that no picture depends on what
else is decoded beside it. Processors with VNNI instructions multiply bytes about twice as fast as
bfloat16 and four times as fast as float32.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import torch
from torch import Tensor, nn

from flowact.tokenizer.kernels.map_kernels import bfloat16_to_bytes, float32_to_bytes, rows_of
from flowact.tokenizer.layers import SLOPE, FlowConv2d, ResidualBlock

Ranges = Mapping[str, tuple[float, float]]
"""Smallest and largest number that entered a convolution, by the convolution's name."""

LEVELS: Final = 255
MARGIN: Final = 1.1
"""Ranges are stretched by this much, for people and poses that the calibration did not see."""
_ONES: Final = [1, 1]


@dataclass(frozen=True)
class QuantParams:
    """How numbers become bytes: `byte = round(number / scale) + zero_point`, limited to 0..255."""

    scale: float
    zero_point: int

    @classmethod
    def over(cls, low: float, high: float) -> Self:
        """Parameters that reach a little beyond `low` and `high` and hit zero exactly."""
        low, high = min(low, 0.0) * MARGIN, max(high, 0.0) * MARGIN
        scale = max(high - low, 1e-6) / LEVELS
        return cls(scale, round(-low / scale))

    def quantize(self, x: Tensor, slope: float = 1.0) -> Tensor:
        """Bytes `[n, width, h, w]` of a leaky rectifier of bfloat16 or float32 numbers; slope 1 is none."""
        rows = rows_of(x)
        levels = torch.empty(rows.shape, dtype=torch.uint8)
        to_bytes = bfloat16_to_bytes if x.dtype == torch.bfloat16 else float32_to_bytes
        how = (np.float32(slope), np.float32(1 / self.scale), np.float32(self.zero_point))
        to_bytes(rows.ravel(), *how, levels.numpy().ravel())
        return levels.permute(0, 3, 1, 2)


class Int8Conv2d(nn.Module):
    """A 3x3 convolution of bytes by bytes, from a trained one."""

    def __init__(self, trained: nn.Conv2d, params: QuantParams) -> None:
        super().__init__()
        self.params = params
        weight = trained.weight.detach().float()
        self.scales = weight.abs().amax((1, 2, 3)).clamp(min=1e-12) / (LEVELS // 2)
        rounded = (weight / self.scales[:, None, None, None]).round().to(torch.int8)
        packed = torch.ops.onednn.qconv_prepack(
            rounded, self.scales, params.scale, params.zero_point, _ONES, _ONES, _ONES, 1, None
        )
        self.weight = nn.Parameter(packed, requires_grad=False)
        self.zero_points = torch.zeros(len(weight), dtype=torch.int32)
        self.bias = None if trained.bias is None else trained.bias.detach().float()

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `[n, width, h, w]`; the result is in its dtype."""
        made: Tensor = torch.ops.onednn.qconv2d_pointwise(
            *self._operands(x, 1.0), self.bias, *self._geometry(), 1.0, 0, x.dtype, "none", [], ""
        )
        return made

    def add_to(self, x: Tensor, inner: Tensor) -> Tensor:
        """Rectify and convolve `inner`, and add that to `x`, which is overwritten and returned."""
        made: Tensor = torch.ops.onednn.qconv2d_pointwise.binary(
            *self._operands(inner, SLOPE), x, self.bias, *self._geometry(),
            1.0, 0, x.dtype, 1.0, 0, "sum", 1.0, "none", [], "",
        )  # fmt: skip
        return made

    def _operands(self, x: Tensor, slope: float) -> tuple[object, ...]:
        levels = self.params.quantize(x, slope)
        return (
            levels,
            self.params.scale,
            self.params.zero_point,
            self.weight,
            self.scales,
            self.zero_points,
        )

    @staticmethod
    def _geometry() -> tuple[object, ...]:
        """Stride, padding, dilation and groups."""
        return _ONES, _ONES, _ONES, 1


class Int8ResidualBlock(nn.Module):
    """Takes the place of a `ResidualBlock`; overwrites its argument."""

    def __init__(self, trained: ResidualBlock, first: QuantParams, second: QuantParams) -> None:
        super().__init__()
        self.norm = trained.norm
        self.first = Int8Conv2d(trained.first, first)
        self.second = Int8Conv2d(trained.second, second)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, width, h, w]` to the same shape."""
        return self.second.add_to(x, self.first(self.norm(x)))


@contextmanager
def record_ranges(network: nn.Module) -> Iterator[dict[str, tuple[float, float]]]:
    """Note, while the block runs, what enters the convolutions that `use_int8` replaces."""
    ranges: dict[str, tuple[float, float]] = {}

    def note(name: str, x: Tensor) -> None:
        low, high = ranges.get(name, (0.0, 0.0))
        least, most = (float(end) for end in x.float().aminmax())
        ranges[name] = (min(low, least), max(high, most))

    hooks = [
        convolution.register_forward_pre_hook(lambda _, given, name=name: note(name, given[0]))
        for name, convolution in _convolutions(network).items()
    ]
    try:
        yield ranges
    finally:
        for hook in hooks:
            hook.remove()


def use_int8(network: nn.Module, ranges: Ranges) -> None:
    """Replace the 3x3 convolutions of a network, which is then for inference on a processor only.

    Those that give a flow stay.

    Raises:
        ValueError: a convolution has no range.
    """
    if missing := uncalibrated(network, ranges):
        raise ValueError(f"no range of activations for {', '.join(sorted(missing))}")
    convolutions = _convolutions(network)
    params = {name: QuantParams.over(*ranges[name]) for name in convolutions}
    for name, block in list(network.named_modules()):
        if isinstance(block, ResidualBlock):
            pair = params.pop(f"{name}.first"), params.pop(f"{name}.second")
            _replace(network, name, Int8ResidualBlock(block, *pair))
    for name, alone in params.items():
        _replace(network, name, Int8Conv2d(convolutions[name], alone))


def uncalibrated(network: nn.Module, ranges: Ranges) -> set[str]:
    """Convolutions of a network that `use_int8` would replace and that have no range."""
    return _convolutions(network).keys() - ranges.keys()


def _replace(network: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, attribute = name.rpartition(".")
    setattr(network.get_submodule(parent), attribute, module)


def _convolutions(network: nn.Module) -> dict[str, nn.Conv2d]:
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
        and module.kernel_size == (3, 3)
        and module.stride == (1, 1)
        and not isinstance(module, FlowConv2d)  # whose rounding would show as a tremble
    }
