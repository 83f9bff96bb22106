"""Exponential moving average of a model's weights."""

import copy
from typing import cast

import torch
from torch import nn


class Ema:
    """A second model whose weights follow the trained ones smoothly, from the first step on.

    The decay rises with the step, `(1 + n) / (10 + n)`, up to `decay`, so that early averages
    forget the random start.

    Attributes:
        model: the averaged copy, in evaluation mode.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay is {decay}, expected 0 <= decay < 1")
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the weights after optimiser step `step` (0, 1, ...) and copy the buffers."""
        weight = 1 - min(self.decay, (1 + step) / (10 + step))
        averaged = cast(list[torch.Tensor], [*self.model.parameters()])
        torch._foreach_lerp_(averaged, [*model.parameters()], weight)
        for mine, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
