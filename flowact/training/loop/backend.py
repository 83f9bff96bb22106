"""Where a stage trains: one CPU process, or whatever `accelerate` finds."""

import atexit
import os
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer


class Backend(Protocol):
    """What differs between one process and many.

    Attributes:
        device: where this process trains.
        rank: number of this process; 0 writes checkpoints and measures, the others draw other batches.
    """

    device: torch.device
    rank: int

    def prepare(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Move to the device and wrap for the exchange of gradients."""

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which the loss is computed."""

    def backward(self, loss: Tensor) -> None:
        """Accumulate gradients."""

    def clip(self, parameters: Sequence[nn.Parameter], norm: float) -> Tensor:
        """Limit the gradient's norm and return what it was."""

    def any(self, here: bool) -> bool:
        """Whether it is so in any process: all must end after the same step."""

    def wait(self) -> None:
        """Wait until all processes are here."""


class SingleProcess:
    """One process on the CPU with bf16 autocast."""

    rank = 0

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

    def any(self, here: bool) -> bool:
        """Nobody else is there."""
        return here

    def wait(self) -> None:
        """Nobody else is there."""


class Accelerated:
    """Several processes or GPUs through `accelerate`, as `accelerate launch` or `torchrun` start them."""

    def __init__(self) -> None:
        from accelerate import Accelerator, DistributedDataParallelKwargs

        # Not every batch has memory, and the guidance embedding serves some stages only.
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        self._accelerator = Accelerator(
            mixed_precision="bf16", cpu=not torch.cuda.is_available(), kwargs_handlers=[unused]
        )
        # A process that just ends may abort in the threads that connect it with the others.
        atexit.register(self._accelerator.end_training)
        self.device = self._accelerator.device
        self.rank: int = self._accelerator.process_index

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

    def any(self, here: bool) -> bool:
        """Ask all processes."""
        flag = torch.tensor(float(here), device=self.device)
        return bool(cast(Tensor, self._accelerator.reduce(flag, "sum")) > 0)

    def wait(self) -> None:
        """Wait until all processes are here."""
        self._accelerator.wait_for_everyone()


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average gradients over the processes, for a network beside the one that a backend has wrapped."""
    if not dist.is_initialized():
        return
    for parameter in parameters:
        if parameter.grad is None:  # not met by this process's batch, perhaps by another's
            parameter.grad = torch.zeros_like(parameter)
        dist.all_reduce(parameter.grad)
        parameter.grad /= dist.get_world_size()


def choose_backend() -> Backend:
    """`accelerate` when there is a GPU or more than one process, else the plain CPU."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return Accelerated() if several or torch.cuda.is_available() else SingleProcess()
