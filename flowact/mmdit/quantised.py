"""Matrix products in eight bits: the large layers of the video stream, rounded after loading.

Weights are rounded once, activations as they come, with a scale of its own for every token: no session's
latents depend on what else is in its batch. Products of INT8 are added up exactly in 32 bits; products of FP8
(e4m3, Micikevicius et al., arXiv 2209.05433) in float32. What is rounded are the projections and the
feed-forward of the video tokens, which are nearly all of a large model's work. Text, sound, modulations,
embeddings and the first and last layer are few and sensitive, and keep their format.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, Literal, Protocol

import torch
from torch import Tensor, nn

from flowact.mmdit import byte_kernels
from flowact.mmdit.number_bits import takes

EightBits = Literal["int8", "fp8"]
Granularity = Literal["row", "tensor"]

FP8: Final = torch.float8_e4m3fn
LARGEST: Final[dict[EightBits, float]] = {"int8": 127.0, "fp8": 448.0}
_STORAGE: Final[dict[EightBits, torch.dtype]] = {"int8": torch.int8, "fp8": FP8}
_SMALLEST_SCALE: Final = 1e-12
CUDA_ROWS: Final = 32
"""cuBLAS multiplies bytes of more than 16 rows only; fewer are filled up to this many."""


def round_to(x: Tensor, form: EightBits, dims: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Round numbers, sharing a scale along `dims`.

    Returns:
        The rounded numbers in eight bits, shaped as `x`, and their scales in float32, of size 1 along
        `dims`; their product is about `x`.
    """
    numbers = x.float()
    scale = (numbers.abs().amax(dims, keepdim=True) / LARGEST[form]).clamp(min=_SMALLEST_SCALE)
    levels = (numbers / scale).clamp(-LARGEST[form], LARGEST[form])
    if form == "int8":
        levels = levels.round()
    return levels.to(_STORAGE[form]), scale


def _rounded(tokens: Tensor, form: EightBits) -> tuple[Tensor, Tensor]:
    """Round with a scale for each token; on a GPU as one kernel, or it would cost more than it saves."""
    rounding = _compiled_rounding() if tokens.is_cuda else round_to
    return rounding(tokens, form, (1,))


@cache
def _compiled_rounding() -> Callable[[Tensor, EightBits, tuple[int, ...]], tuple[Tensor, Tensor]]:
    return torch.compile(round_to, dynamic=True)


class QuantisedLinear(nn.Module):
    """Takes the place of a trained `nn.Linear` for inference.

    Args:
        trained: the layer.
        form: format of weights and activations.
        granularity: scales of the weights: one for each output (`row`) or one for all (`tensor`).
            GPUs of sm_120 multiply FP8 in the second way only. Activations have one for each token
            either way.
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor | None

    def __init__(
        self, trained: nn.Linear, form: EightBits, granularity: Granularity = "row"
    ) -> None:
        super().__init__()
        self.form, self.granularity = form, granularity
        dims = (1,) if granularity == "row" else (0, 1)
        weight, scale = round_to(trained.weight.detach(), form, dims)
        if form == "int8" and weight.device.type == "cpu":
            weight = weight.t().contiguous().t()  # processors multiply bytes faster by columns
        self.register_buffer("weight", weight)
        self.register_buffer("scale", scale.flatten())
        bias = None if trained.bias is None else trained.bias.detach().float()
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map `[..., in]` to `[..., out]` in the dtype of `x`."""
        tokens = x.flatten(0, -2)
        if not len(tokens):
            return x.new_zeros(*x.shape[:-1], len(self.weight))
        multiply = self._in_bytes if self.form == "int8" else self._in_fp8
        return multiply(tokens).unflatten(0, x.shape[:-1])

    def _in_bytes(self, tokens: Tensor) -> Tensor:
        if takes(tokens):
            levels, token_scale = byte_kernels.to_bytes(tokens)
            sums = torch._int_mm(levels, self.weight.t())
            return byte_kernels.from_sums(sums, token_scale, self.scale, self.bias, tokens.dtype)
        levels, scale = _rounded(tokens, "int8")
        if levels.is_cuda and len(levels) < CUDA_ROWS:
            blank = levels.new_zeros(CUDA_ROWS - len(levels), levels.shape[1])
            levels = torch.cat((levels, blank))
        sums = torch._int_mm(levels, self.weight.t())[: len(tokens)]
        return self._biased(sums.float() * (scale * self.scale), tokens.dtype)

    def _in_fp8(self, tokens: Tensor) -> Tensor:
        levels, scale = _rounded(tokens, "fp8")
        by_row = self.granularity == "row"
        ones = torch.ones((), device=tokens.device)
        made = torch._scaled_mm(
            levels,
            self.weight.t(),
            scale if by_row else ones,
            self.scale[None] if by_row else ones,
            # By row, a GPU gives nothing more exact.
            out_dtype=torch.bfloat16 if by_row and tokens.is_cuda else torch.float32,
            use_fast_accum=tokens.is_cuda,
        ).float()
        return self._biased(made if by_row else made * (scale * self.scale), tokens.dtype)

    def _biased(self, product: Tensor, dtype: torch.dtype) -> Tensor:
        return (product if self.bias is None else product + self.bias).to(dtype)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> QuantisedLinear:
        """Move to another device; the formats of the numbers stay, whatever the model is cast to."""
        device = fn(self.scale.new_zeros(1)).device
        for name, buffer in self._buffers.items():
            self._buffers[name] = None if buffer is None else buffer.to(device)
        return self

    def _save_to_state_dict(self, *_: Any) -> None:
        raise ValueError("a model in eight bits cannot be saved; save the one that it was made of")


class LinearMaker(Protocol):
    """Makes the layer that takes a trained one's place."""

    def __call__(self, trained: nn.Linear, /) -> nn.Module:
        """Return the layer."""


def eight_bit_layers(transformer: nn.Module) -> dict[str, nn.Linear]:
    """The layers that are worth rounding, by name: those of the blocks' video stream."""
    return {
        name: module
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear) and ".streams.video." in f".{name}"
    }


def quantise(transformer: nn.Module, make: LinearMaker) -> int:
    """Replace the layers that are worth rounding; return how many there were.

    The transformer is then for inference only and cannot be saved.
    """
    layers = eight_bit_layers(transformer)
    for name, layer in layers.items():
        parent, _, attribute = name.rpartition(".")
        setattr(transformer.get_submodule(parent), attribute, make(layer))
    return len(layers)
