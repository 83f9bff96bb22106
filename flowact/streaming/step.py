"""One chunk of a stream: a pure function of state and conditions to the next state and latents."""

from dataclasses import replace

import torch
from torch import Tensor

from flowact.mmdit.memory import MemoryCache
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.conditions import Conditions, EncodedConditions, encode_conditions
from flowact.streaming.denoise import Velocity, denoise, guided
from flowact.streaming.noise import draw_normal
from flowact.streaming.refine import refine_due
from flowact.streaming.settings import StepSettings
from flowact.streaming.state import SessionState
from flowact.timebase import LATENTS_PER_CHUNK


@torch.no_grad()
def step(
    model: FlowActTransformer, state: SessionState, conditions: Conditions, settings: StepSettings
) -> tuple[SessionState, Tensor]:
    """Denoise until the leading chunk is clean, give it out and take fresh noise in.

    Args:
        model: the transformer.
        state: a batch of sessions; it is not changed, whatever happens.
        conditions: sound and action of the same batch.
        settings: schedule, guidance, memory.

    Returns:
        The next state and the finished chunk `[batch, 3, channels, height, width]`.

    Raises:
        ValueError: if the state's noise levels are no row of the schedule.
        FloatingPointError: if the model gives numbers that are not finite.
    """
    calls = settings.schedule.calls_from(state.levels)
    encoded = encode_conditions(model, conditions, len(state.levels))
    cache, generators = _remember(model, state, encoded, settings.memory_level)
    latents = denoise(_velocity(model, encoded, cache, settings), state.stream, calls)
    finished = latents[:, :LATENTS_PER_CHUNK]
    noise, generators = draw_normal(generators, finished.shape[1:])
    moved = replace(
        state,
        memory=state.memory.remember(finished, settings.long_term_stride),
        stream=torch.cat((latents[:, LATENTS_PER_CHUNK:], noise.to(latents)), 1),
        levels=settings.schedule.after_emission(),
        generators=generators,
        emitted=state.emitted + 1,
    )
    refined = refine_due(model, moved, encoded, settings)
    if not all(x.isfinite().all() for x in (latents, refined.memory.short_term)):
        raise FloatingPointError("the transformer gave latents that are not finite")
    return refined, finished


def _remember(
    model: FlowActTransformer, state: SessionState, encoded: EncodedConditions, level: float
) -> tuple[MemoryCache, Tensor]:
    """Read the memory once for all calls of the step; return the generators after its noise."""
    memory = state.memory.as_input(encoded.behind)
    if not level:
        return model.encode_memory(memory), state.generators
    noise, generators = draw_normal(state.generators, memory.latents.shape[1:])
    levels = torch.full_like(memory.levels, level)
    return model.encode_memory(memory.noised(noise.to(memory.latents), levels)), generators


def _velocity(
    model: FlowActTransformer,
    encoded: EncodedConditions,
    cache: MemoryCache,
    settings: StepSettings,
) -> Velocity:
    """Velocity of the stream, guided towards the sound."""
    scale = settings.guidance_embedding

    def make_velocity(audio: Tensor) -> Velocity:
        def velocity(latents: Tensor, levels: Tensor) -> Tensor:
            guidance = None if scale is None else levels.new_full(levels.shape[:1], scale)
            predicted: Tensor = model(
                latents, levels, audio, encoded.text, cache, guidance, encoded.blinks
            )
            return predicted

        return velocity

    return guided(make_velocity(encoded.audio), make_velocity(encoded.muted), settings.guidance)
