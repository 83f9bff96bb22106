"""What several devices would gain that share a transformer frame by frame: arithmetic, and the wire between them.

The passes of the first rank, which has the largest share, are counted on tensors without numbers, exchange and
all. What it receives crosses a link; that is not taken to overlap with arithmetic, since attention needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from flowact.hardware.roofline import Gpu, Operator, count, seconds
from flowact.hardware.workload import Work, count_decode, transformer_calls
from flowact.mmdit.model import FlowActTransformer
from flowact.parallel import Exchange
from flowact.parallel.frames import share_frames
from flowact.presets import Preset
from flowact.timebase import FRAMES_PER_CHUNK


@dataclass(frozen=True)
class Link:
    """What connects devices: bytes per second that are reached, and seconds until the first arrives."""

    name: str
    bandwidth: float
    latency: float


LINKS: Final = (Link("NVLink", 200e9, 15e-6), Link("PCIe 4", 22e9, 25e-6))
"""Of a transfer's usual speed: a third of the data sheet of A100's NVLink, two thirds of 16 lanes of PCIe 4."""
GROUPS: Final[tuple[tuple[int, Exchange], ...]] = (
    (2, "gather"),
    (3, "gather"),
    (4, "gather"),
    (4, "ulysses"),
)
NUMBER_BYTES: Final = 2
"""What is exchanged is in bfloat16, whatever the products are in."""


class CountedGroup:
    """The first rank of a group, alone: notes what it would receive."""

    rank = 0

    def __init__(self, size: int) -> None:
        self.size = size
        self.received: list[int] = []

    def all_gather(self, part: Tensor) -> Tensor:
        """See `flowact.parallel.group.Group`."""
        self.received.append((self.size - 1) * part.numel())
        return part.new_empty(self.size, *part.shape)

    def all_to_all(self, parts: Tensor) -> Tensor:
        """See `flowact.parallel.group.Group`."""
        self.received.append((self.size - 1) * parts.numel() // self.size)
        return torch.empty_like(parts)


@dataclass(frozen=True)
class GroupWork:
    """A chunk's transformer on the first of several devices.

    Attributes:
        ranks: devices that share it.
        exchange: how they meet.
        operators: the first one's arithmetic.
        received: numbers that each exchange brings it.
    """

    ranks: int
    exchange: Exchange
    operators: list[Operator]
    received: Sequence[int]


@dataclass(frozen=True)
class GroupEstimate:
    """Milliseconds of a chunk's transformer on several devices, and frames per second beside a decoder on another.

    Attributes:
        gpu, linear: as for one device.
        ranks, exchange: see `GroupWork`.
        link: what connects the devices.
        compute_ms: arithmetic of the first rank.
        exchange_ms: what waiting for the others' tensors adds.
        fps: with the preset's decoder.
        fps_tiny: with the tiny decoder, for latents that it knows.
        pays: `yes` if there are more frames than without the group; `tiny decoder` if that is so with the
            tiny one alone, since the preset's takes longer than the transformer; `no`.
    """

    gpu: str
    linear: str
    ranks: int
    exchange: str
    link: str
    compute_ms: float
    exchange_ms: float
    fps: float
    fps_tiny: float | None
    pays: str


def count_groups(preset: Preset) -> list[GroupWork]:
    """Count the work of every group among whose ranks the preset's heads divide."""
    with torch.device("meta"):
        transformer = FlowActTransformer(**preset.transformer.model_dump())
        return [
            _count_group(preset, transformer, ranks, exchange)
            for ranks, exchange in GROUPS
            if exchange == "gather" or preset.transformer.heads % ranks == 0
        ]


def _count_group(
    preset: Preset, transformer: FlowActTransformer, ranks: int, exchange: Exchange
) -> GroupWork:
    group = CountedGroup(ranks)
    share_frames(transformer, group, exchange)
    remember, denoise = transformer_calls(transformer, preset.transformer)
    group.received.clear()  # of the memory that the second call is given
    operators = [*count(remember), *count(denoise)]
    return GroupWork(ranks, exchange, operators, tuple(group.received))


def count_tiny_decode(preset: Preset) -> list[Operator] | None:
    """Count the tiny decoder in the place of the preset's own, where there is one for its latents."""
    if preset.codec.kind == "compact":
        return None
    return count_decode(preset.codec.model_copy(update={"tiny_decoder": True}))


def predict_group(
    group: GroupWork,
    alone: Work,
    tiny_decode: list[Operator] | None,
    gpu: Gpu,
    linear: str,
    link: Link,
) -> GroupEstimate:
    """Predict one group on one kind of GPU.

    Args:
        group: the work of its first rank.
        alone: the work without a group.
        tiny_decode: of the tiny decoder, if there is one.
        gpu: the devices.
        linear: format of the video layers' products, a key of `gpu.tflops`.
        link: between them.
    """
    compute = seconds(group.operators, gpu, linear)
    wire = sum(link.latency + NUMBER_BYTES * one / link.bandwidth for one in group.received)
    single = seconds([*alone.memory, *alone.denoise], gpu, linear)
    decoders = [seconds(work, gpu) for work in (alone.decode, tiny_decode) if work]
    fps = [FRAMES_PER_CHUNK / max(compute + wire, decode) for decode in decoders]
    without = [FRAMES_PER_CHUNK / max(single, decode) for decode in decoders]
    gains = [more > less for more, less in zip(fps, without, strict=True)]
    return GroupEstimate(
        gpu=gpu.name,
        linear="bf16" if linear == "native" else linear,
        ranks=group.ranks,
        exchange=group.exchange,
        link=link.name,
        compute_ms=round(1e3 * compute, 1),
        exchange_ms=round(1e3 * wire, 1),
        fps=round(fps[0], 1),
        fps_tiny=round(fps[1], 1) if tiny_decode else None,
        pays="yes" if gains[0] else "tiny decoder" if any(gains) else "no",
    )
