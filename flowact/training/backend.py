"""Where a stage trains: one CPU process, or whatever `accelerate` finds."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class Backend(Protocol):
    """The four things that differ between one process and many."""

    device: torch.device
    is_main: bool

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Move to the device and wrap for the exchange of gradients."""

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which the loss is computed."""

    def backward(self, loss: Tensor) -> None:
        """Accumulate gradients."""

    def clip(self, parameters: Sequence[nn.Parameter], norm: float) -> Tensor:
        """Limit the gradient's norm and return what it was."""


class SingleProcess:
    """One process on the CPU with bf16 autocast."""

    is_main = True

    def __init__(self) -> None:
        self.device = torch.device("cpu")
        torch.set_float32_matmul_precision("medium")

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Nothing to move."""
        return model, optimizer

    def autocast(self) -> AbstractContextManager[Any]:
        """bf16 convolutions and matrix products, fp32 weights."""
        return torch.autocast("cpu", torch.bfloat16)

    def backward(self, loss: Tensor) -> None:
        """Accumulate gradients."""
        loss.backward()

    def clip(self, parameters: Sequence[nn.Parameter], norm: float) -> Tensor:
        """Limit the gradient's norm and return what it was."""
        return nn.utils.clip_grad_norm_(parameters, norm)


class Accelerated:
    """Several processes or GPUs through `accelerate`, as `accelerate launch` or `torchrun` start them."""

    def __init__(self) -> None:
        from accelerate import Accelerator

        self._accelerator = Accelerator(mixed_precision="bf16")
        self.device = self._accelerator.device
        self.is_main = self._accelerator.is_main_process

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Move to the device and wrap for the exchange of gradients."""
        return cast(tuple[nn.Module, Optimizer], self._accelerator.prepare(model, optimizer))

    def autocast(self) -> AbstractContextManager[Any]:
        """bf16 as `accelerate` sets it up."""
        return cast(AbstractContextManager[Any], self._accelerator.autocast())

    def backward(self, loss: Tensor) -> None:
        """Accumulate gradients, averaged over the processes."""
        self._accelerator.backward(loss)

    def clip(self, parameters: Sequence[nn.Parameter], norm: float) -> Tensor:
        """Limit the gradient's norm and return what it was."""
        return cast(Tensor, self._accelerator.clip_grad_norm_(parameters, norm))


def choose_backend() -> Backend:
    """`accelerate` when there is a GPU or more than one process, else the plain CPU."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return Accelerated() if several or torch.cuda.is_available() else SingleProcess()
