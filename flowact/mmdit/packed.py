"""Linear layers of bfloat16 whose weights lie as oneDNN reads them, on a processor.

The library sorts a layer's weights anew in each call, which costs much beside a product of as few tokens as a chunk
has. Of float32 it does not sort, and there is nothing to gain.
"""

from typing import Final

import torch
from torch import Tensor, nn

from flowact.conditioning.audio import TokenConv, neighbours

_FORMAT: Final = torch.bfloat16


class PackedLinear(nn.Module):
    """Takes the place of a trained linear layer for inference, of weights `[out, in]` and a bias `[out]` or none."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        in_order = torch.ops.mkldnn._reorder_linear_weight(weight.detach().contiguous())
        self.weight = nn.Parameter(in_order, requires_grad=False)
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        """Map `[..., in]` to `[..., out]`."""
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")
        return made


class PackedTokenConv(nn.Module):
    """Takes the place of a trained `TokenConv` for inference."""

    def __init__(self, trained: TokenConv) -> None:
        super().__init__()
        self.kernel, self.step, self.reach = trained.geometry
        self.product = PackedLinear(trained.as_product(), trained.bias)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, tokens, dim]` to the same."""
        made: Tensor = self.product(neighbours(x, self.kernel, self.step, self.reach))
        return made


def can_pack() -> bool:
    """Whether this build of PyTorch has such layers, and this processor what they are made of."""
    has = torch.backends.mkldnn.is_available()
    return has and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def pack(network: nn.Module) -> None:
    """Replace the linear layers of bfloat16 on a processor, where that can be done; what is eight bits stays.

    The network is then for inference only and cannot be saved.
    """
    if not can_pack():
        return
    for name, part in list(network.named_children()):
        if isinstance(part, nn.Linear | TokenConv):
            if part.weight.dtype == _FORMAT and part.weight.device.type == "cpu":
                network.set_submodule(name, _packed(part))
        else:
            pack(part)


def _packed(part: nn.Linear | TokenConv) -> nn.Module:
    return (
        PackedTokenConv(part)
        if isinstance(part, TokenConv)
        else PackedLinear(part.weight, part.bias)
    )
