"""A batch of sessions that meets everything that can happen to frames that are divided."""

import torch
from torch import Tensor

from flowact.conditioning.window import AudioTimeline
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.conditions import Conditions
from flowact.streaming.schedule import diagonal
from flowact.streaming.settings import RefinementSettings, StepSettings
from flowact.streaming.state import SessionState
from flowact.streaming.step import step

SETTINGS = StepSettings(diagonal(3), refinement=RefinementSettings(period=3))
"""Refinement runs passes over two latents with and without a reference, fewer than there are ranks."""
BATCH = 2
CHUNKS = 6


def start(dtype: torch.dtype) -> SessionState:
    generator = torch.Generator().manual_seed(4)
    reference = torch.randn(BATCH, 1, 16, 8, 16, generator=generator, dtype=torch.float64)
    return SessionState.start(reference.to(dtype), range(BATCH))


def conditions(state: SessionState) -> Conditions:
    sound = torch.randn(BATCH, 16_000 * CHUNKS, generator=torch.Generator().manual_seed(5))
    timelines = [AudioTimeline.empty().push(row) for row in sound]
    return Conditions.of(state, timelines, ["speaking", "smile"])


def stream(model: FlowActTransformer) -> list[Tensor]:
    """Chunks through every layout of the memory, interrupted in mid-stream, and the state at the end."""
    state, made = start(model.dtype), []
    for chunk in range(CHUNKS):
        if chunk == 4:
            state = state.restarted()
        state, latents = step(model, state, conditions(state), SETTINGS)
        made.append(latents)
    return [*made, state.memory.short_term, state.stream]


def difference(made: list[Tensor], expected: list[Tensor]) -> float:
    """The largest over the largest number, of all tensors."""
    pairs = zip(made, expected, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)
