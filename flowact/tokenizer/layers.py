"""Convolution blocks of the tokenizer."""

from typing import Final, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flowact.tokenizer.kernels import map_kernels

Layer = TypeVar("Layer", bound=nn.Conv2d | nn.Linear)

SLOPE = 0.1
"""Of the leaky rectifier's negative side."""
FLOW_CHANNELS: Final = 2


def zero_init(layer: Layer) -> Layer:
    """Make a layer start as the constant zero."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution."""

    def add_to(self, x: Tensor, planes: Tensor) -> Tensor:
        """Add what it makes of `planes` to `x`; a fused one, see `convolutions.fused`, overwrites `x`."""
        return x + self(planes)


class FlowConv2d(nn.Conv2d):
    """A 3x3 convolution to a flow, at the start none.

    Of float32 on a processor it is a product and a sum of nine shifted maps: a convolution of the library makes as
    many channels as a vector has numbers, and throws all but two away.
    """

    def __init__(self, width_in: int) -> None:
        super().__init__(width_in, FLOW_CHANNELS, 3, padding=1)
        zero_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, in_channels, h, w]` to `[n, 2, h, w]`."""
        if x.dtype != torch.float32 or not map_kernels.usable(x):
            return super().forward(x)
        taps = self.weight.flip(2, 3).movedim(1, -1).flatten(0, 2)
        seen = torch.matmul(taps, x.flatten(2))
        moved = F.fold(seen, x.shape[2:], self.kernel_size, padding=self.padding)
        return moved + self.get_parameter("bias")[:, None, None]


def conv(width_in: int, width_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A padded convolution that keeps the scale of what `activate` gives it (He et al., 2015).

    The library's own default loses almost half of the scale per layer, and there are few norms
    here to restore it.
    """
    return _begun(nn.Conv2d(width_in, width_out, kernel, stride, kernel // 2))


def pointwise(width_in: int, width_out: int) -> PointwiseConv2d:
    """A 1x1 convolution that begins like those of `conv`."""
    return _begun(PointwiseConv2d(width_in, width_out, 1))


def _begun(layer: Layer) -> Layer:
    nn.init.kaiming_normal_(layer.weight, SLOPE, nonlinearity="leaky_relu")
    nn.init.zeros_(layer.bias)
    return layer


def activate(x: Tensor) -> Tensor:
    """Leaky ReLU, overwriting its argument: half of SiLU's time and memory on a CPU."""
    return F.leaky_relu_(x, SLOPE)


def to_overwrite(x: Tensor) -> Tensor:
    """The same tensor, or a copy of it where somebody wants a gradient."""
    return x.clone() if torch.is_grad_enabled() else x


class ResidualBlock(nn.Module):
    """`x + conv(act(conv(norm(x))))`, the identity at the start (EDSR, Lim et al., 2017).

    Only the coarse grids are normalised: at fine resolution a norm costs as much as a convolution
        on a CPU.
    """

    def __init__(self, width: int, normalise: bool = False) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(width // 16, width) if normalise else nn.Identity()
        self.first = conv(width, width, 3)
        self.second = zero_init(conv(width, width, 3))

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, width, h, w]` to the same shape."""
        return x + self.second(activate(self.first(self.norm(x))))


class Upsample(nn.Module):
    """Enlarge a map, add another one of the new size, modulate and rectify.

    The width changes too. Height and width double, cells being repeated.

    Args:
        width_in, width_out: channels.
        size: enlarge to `size x size` bilinearly instead.
    """

    def __init__(self, width_in: int, width_out: int, size: int | None = None) -> None:
        super().__init__()
        self.size = size
        self.project = pointwise(width_in, width_out)

    def forward(self, x: Tensor, skip: Tensor, by: tuple[Tensor, Tensor]) -> Tensor:
        """`x [batch, width_in, h, w]` to the shape of `skip`, `[batch, width_out, 2 h, 2 w]` or the given size.

        `by` is for `modulate`.
        """
        narrow = self.project(x)
        if self.size is None and _can_double(narrow, skip, by):
            return _doubled(narrow, skip, by)
        if self.size is None:
            wide = F.interpolate(narrow, scale_factor=2, mode="nearest")
        else:
            wide = F.interpolate(narrow, size=(self.size, self.size), mode="bilinear")
        return activate(modulate(wide + skip, by))


def _can_double(narrow: Tensor, skip: Tensor, by: tuple[Tensor, Tensor]) -> bool:
    """Whether `_doubled` takes these: maps of one kind and of fitting sizes, of which none is broadcast."""
    count, width, height, breadth = narrow.shape
    return (
        map_kernels.usable(narrow)
        and narrow.dtype == skip.dtype
        and narrow.dtype in (torch.bfloat16, torch.float32)
        and skip.shape == (count, width, 2 * height, 2 * breadth)
        and all(vector.shape == (count, width, 1, 1) for vector in by)
    )


def _doubled(narrow: Tensor, skip: Tensor, by: tuple[Tensor, Tensor]) -> Tensor:
    """What `Upsample` makes of its maps, in one pass through memory."""
    skip = skip.contiguous(memory_format=torch.channels_last)
    factor, shift = (vector.flatten(1).float().numpy() for vector in by)
    joined = torch.empty_like(skip)
    coarse, fine, target = (map_kernels.rows_of(maps) for maps in (narrow, skip, joined))
    join = map_kernels.join_float32
    if narrow.dtype == torch.bfloat16:
        join = map_kernels.join_bfloat16
    join(coarse, fine, factor, shift, np.float32(SLOPE), target)
    return joined


class FeatureModulation(nn.Module):
    """Scale and shift of feature maps by a vector (FiLM, Perez et al., 2018), the identity at the start.

    Args:
        inputs: length of the vector.
        widths: channels of each feature map that is modulated.
    """

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes = [size for width in widths for size in (width, width)]
        self.enter = nn.Linear(inputs, 128)
        self.leave = zero_init(nn.Linear(128, sum(self.sizes)))

    def forward(self, vector: Tensor) -> list[tuple[Tensor, Tensor]]:
        """`[n, inputs]` to a (factor, shift) of shape `[n, width, 1, 1]` for every map."""
        values = self.leave(activate(self.enter(vector)))[..., None, None].split(self.sizes, 1)
        return [(1 + scale, shift) for scale, shift in zip(values[::2], values[1::2], strict=True)]


def modulate(x: Tensor, by: tuple[Tensor, Tensor]) -> Tensor:
    """`factor * x + shift`."""
    factor, shift = by
    return torch.addcmul(shift, x, factor)


def fold(pixels: Tensor, scale: int, dtype: torch.dtype) -> Tensor:
    """`[n, k, scale * h, scale * w]` in fp32 to `[n, k * scale**2, h, w]`, stored channels-last."""
    if not _has_loops(pixels, dtype):
        folded = F.pixel_unshuffle(pixels, scale).to(dtype)
        return folded.contiguous(memory_format=torch.channels_last)
    maps, channels, height, width = pixels.shape
    shape = (maps, height // scale, width // scale, channels * scale**2)
    made = torch.empty(shape, dtype=dtype).permute(0, 3, 1, 2)
    loop = map_kernels.fold_float32 if dtype == torch.float32 else map_kernels.fold_bfloat16
    loop(pixels.contiguous().numpy(), map_kernels.rows_of(made))
    return made


def unfold(folded: Tensor, scale: int) -> tuple[Tensor, Tensor]:
    """The inverse of `fold`, in fp32: the first map `[n, 1, scale * h, scale * w]`, and the others."""
    if not _has_loops(folded, folded.dtype):
        maps = F.pixel_shuffle(folded, scale).float()
        return maps[:, :1], maps[:, 1:]
    count, channels, height, width = folded.shape
    size = scale * height, scale * width
    first = torch.empty(count, 1, *size)
    others = torch.empty(count, channels // scale**2 - 1, *size)
    loop = map_kernels.unfold_float32
    if folded.dtype == torch.bfloat16:
        loop = map_kernels.unfold_bfloat16
    loop(map_kernels.rows_of(folded), first.numpy(), others.numpy())
    return first, others


def _has_loops(x: Tensor, dtype: torch.dtype) -> bool:
    """Whether compiled loops can take PyTorch's place, for maps that are or become `dtype`."""
    return map_kernels.usable(x) and dtype in (torch.bfloat16, torch.float32)


class Pyramid(nn.Module):
    """Strided convolutions `240 -> 120 -> 60 -> 30 -> 15 -> 8`; `blocks` residual blocks at 60 and below."""

    def __init__(self, channels: int, widths: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.levels = nn.ModuleList()
        for level, width in enumerate(widths):
            layers: list[nn.Module] = [conv(channels, width, 3, stride=2)]
            layers += [
                ResidualBlock(width, normalise=level > 2) for _ in range(blocks if level else 0)
            ]
            self.levels.append(nn.Sequential(*layers))
            channels = width

    def forward(self, x: Tensor) -> list[Tensor]:
        """`[batch, channels, 240, 240]` to the five feature maps, finest first."""
        features = []
        for level in self.levels:
            x = activate(level(x))
            features.append(x)
        return features


def to_channels_last(module: nn.Module) -> None:
    """Store every 2D convolution of a module channels-last, the layout in which bf16 convolutions are fast on a CPU."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            layer.to(memory_format=torch.channels_last)
