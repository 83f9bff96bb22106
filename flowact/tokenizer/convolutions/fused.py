"""The decoder's convolutions with what follows them in the same pass through memory, on a processor.

oneDNN rectifies each number of a convolution, or adds another one to it, before it is rounded and written, and takes
weights in the order in which it reads them, so that they are not sorted anew in each call.
"""

from typing import Final

import torch
from torch import Tensor, nn

from flowact.tokenizer.decoder import TRUNK_CELLS, Trunk
from flowact.tokenizer.layers import SLOPE, FlowConv2d, ResidualBlock

_ONES: Final = [1, 1]


class FusedConv2d(nn.Module):
    """A convolution of stride 1, from a trained one."""

    def __init__(self, trained: nn.Conv2d, cells: int | None = None) -> None:
        """`cells` are rows and columns of its maps, where they are known: the best order of weights depends on them."""
        super().__init__()
        weight, self.bias = trained.weight.detach(), trained.bias
        self._geometry = ([trained.kernel_size[0] // 2] * 2, _ONES, _ONES, 1)
        expected = None if cells is None else [1, weight.shape[1], cells, cells]
        in_order = torch.ops.aten.mkldnn_reorder_conv2d_weight(
            weight.contiguous().to_mkldnn(), *self._geometry, expected
        )
        self.weight = nn.Parameter(in_order, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve `[n, in_channels, h, w]`."""
        return self._convolved(x, "none", [])

    def rectified(self, x: Tensor) -> Tensor:
        """Convolve and rectify."""
        return self._convolved(x, "leaky_relu", [SLOPE])

    def _convolved(self, x: Tensor, after: str, numbers: list[float]) -> Tensor:
        made: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, *self._geometry, after, numbers, ""
        )
        return made

    def add_to(self, x: Tensor, inner: Tensor) -> Tensor:
        """Convolve `inner` and add that to `x`, which is overwritten and returned."""
        x = x.contiguous(memory_format=torch.channels_last)
        made: Tensor = torch.ops.mkldnn._convolution_pointwise_.binary(
            x, inner, self.weight, self.bias, *self._geometry, "add", 1.0, None, [], None
        )
        return made


class FusedResidualBlock(nn.Module):
    """Takes the place of a `ResidualBlock`; overwrites its argument."""

    def __init__(self, trained: ResidualBlock, cells: int | None = None) -> None:
        super().__init__()
        self.norm = trained.norm
        self.first = FusedConv2d(trained.first, cells)
        self.second = FusedConv2d(trained.second, cells)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, width, h, w]` to the same shape."""
        return self.second.add_to(x, self.first.rectified(self.norm(x)))


def can_fuse(network: nn.Module) -> bool:
    """Whether this build of PyTorch and this processor have these convolutions of the network's numbers."""
    weight = next(network.parameters())
    if weight.device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if weight.dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return weight.dtype == torch.float32


def fuse(network: nn.Module, cells: int | None = None) -> None:
    """Replace the convolutions of stride 1, which are then for inference on a processor only.

    Those that give a flow stay. `cells` are rows and columns of the network's maps, if it has no others.
    """
    for name, part in list(network.named_children()):
        if isinstance(part, Trunk):
            for size, blocks in zip(TRUNK_CELLS, part.blocks, strict=True):
                fuse(blocks, size)
            part.set_submodule("leave", FusedConv2d(part.leave, TRUNK_CELLS[-1]))
        if isinstance(part, ResidualBlock):
            network.set_submodule(name, FusedResidualBlock(part, cells))
        elif isinstance(part, nn.Conv2d):
            if part.stride == (1, 1) and not isinstance(part, FlowConv2d):
                network.set_submodule(name, FusedConv2d(part, cells))
        else:
            fuse(part, cells)
