"""All that a session is between two chunks, as one value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from flowact.streaming import batch
from flowact.streaming.memory import MemoryBank
from flowact.streaming.noise import draw_normal, seed_generators
from flowact.streaming.schedule import Levels
from flowact.timebase import FRAMES_PER_CHUNK, LATENTS_PER_CHUNK


@dataclass(frozen=True)
class SessionState:
    """A batch of sessions between two chunks.

    Attributes:
        memory: what they remember of their picture.
        stream: the denoising stream `[batch, chunks * 3, channels, height, width]`.
        levels: noise level of each of its chunks.
        generators: `[batch, 2]`, see `noise`.
        emitted: chunks that each session has given out, `[batch]` int64.
    """

    memory: MemoryBank
    stream: Tensor
    levels: Levels
    generators: Tensor
    emitted: Tensor

    @classmethod
    def start(cls, reference: Tensor, seeds: Sequence[int], chunks: int = 3) -> Self:
        """Begin one session per reference latent.

        Args:
            reference: `[batch, 1, channels, height, width]`.
            seeds: one integer per session; equal seeds and conditions give equal sessions.
            chunks: chunks in the denoising stream.
        """
        if len(seeds) != reference.shape[0]:
            raise ValueError(f"{len(seeds)} seeds for {reference.shape[0]} references")
        shape = (chunks * LATENTS_PER_CHUNK, *reference.shape[2:])
        noise, generators = draw_normal(seed_generators(seeds), shape)
        return cls(
            memory=MemoryBank.start(reference),
            stream=noise.to(reference),
            levels=(1.0,) * chunks,
            generators=generators,
            emitted=torch.zeros(len(seeds), dtype=torch.int64),
        )

    def restarted(self) -> Self:
        """Throw the chunks in flight away, as when a reply begins or a speaker is interrupted.

        The next step begins with pure noise and gives, after as many calls as a chunk has levels, a
        chunk that has heard nothing but the newest sound. The memory stays.
        """
        noise, generators = draw_normal(self.generators, self.stream.shape[1:])
        return replace(
            self,
            stream=noise.to(self.stream),
            levels=(1.0,) * len(self.levels),
            generators=generators,
        )

    @property
    def frames(self) -> list[int]:
        """Index of the first video frame of each session's stream: its audio cursor."""
        return [count * FRAMES_PER_CHUNK for count in self.emitted.tolist()]


def stack_sessions(states: Sequence[SessionState]) -> SessionState:
    """Put sessions into one batch.

    Raises:
        ValueError: if their noise levels or the layout of their memories differ, as they do during
            the first chunks of a session.
    """
    layouts = {(state.levels, state.memory.layout) for state in states}
    if len(layouts) != 1:
        raise ValueError(f"sessions of different levels or memory cannot form a batch: {layouts}")
    return batch.stack(states)


def split_sessions(state: SessionState) -> list[SessionState]:
    """Undo `stack_sessions`: one state per session."""
    return [batch.select(state, row[None]) for row in torch.arange(len(state.emitted))]
