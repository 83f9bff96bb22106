"""Memory refinement against drift (FlowAct-R1, arXiv 2601.10103).

The short-term memory is noised part of the way and denoised again as a stream of its own, which
sees the reference and the long-term memory but not the latents that led there. Errors that crept in
from chunk to chunk are below the noise and are drawn anew; what is above it, pose and mouth, stays.
"""

from dataclasses import replace
from itertools import pairwise

from torch import Tensor

from flowact.mmdit.model import FlowActTransformer
from flowact.streaming import batch
from flowact.streaming.conditions import EncodedConditions
from flowact.streaming.denoise import Velocity, denoise, guided
from flowact.streaming.memory import SHORT_TERM_LATENTS, MemoryBank
from flowact.streaming.noise import draw_normal
from flowact.streaming.settings import StepSettings
from flowact.streaming.state import SessionState
from flowact.timebase import FRAMES_PER_LATENT, LATENTS_PER_CHUNK


def refine_due(
    model: FlowActTransformer,
    state: SessionState,
    encoded: EncodedConditions,
    settings: StepSettings,
) -> SessionState:
    """Refine the memory of those sessions whose turn it is.

    Args:
        model: the transformer.
        state: sessions that have just given out a chunk.
        encoded: the conditions of that chunk.
        settings: of the step, with the refinement's period, level, calls and guidance.
    """
    if not settings.refinement.period:
        return state
    due = (state.emitted % settings.refinement.period == 0).nonzero().flatten()
    if not len(due):
        return state
    refined = refine(model, batch.select(state, due), batch.select(encoded, due), settings)
    return batch.scatter(state, due, refined)


def refine(
    model: FlowActTransformer,
    state: SessionState,
    encoded: EncodedConditions,
    settings: StepSettings,
) -> SessionState:
    """Refine the short-term memory of all given sessions; arguments as for `refine_due`."""
    newest, how = state.memory.short_term, settings.refinement
    noise, generators = draw_normal(state.generators, newest.shape[1:])
    latents = (1 - how.level) * newest + how.level * noise.to(newest)
    context, scale = state.memory.before_short_term(), settings.guidance_embedding
    velocity = guided(
        _velocity(model, context, encoded, scale),
        _velocity(model, context.without_reference(), encoded, scale),
        how.guidance,
    )
    rows = [(how.level * left / how.calls,) for left in reversed(range(how.calls + 1))]
    refined = denoise(velocity, latents, pairwise(rows))
    return replace(state, memory=replace(state.memory, short_term=refined), generators=generators)


def _velocity(
    model: FlowActTransformer, context: MemoryBank, encoded: EncodedConditions, scale: float | None
) -> Velocity:
    """Velocity of the newest latents of the chunk that `encoded` belongs to, as `scale` asks a student."""
    memory = context.as_input(encoded.behind)
    cache = model.encode_memory(memory) if memory.latents.shape[1] else None
    first = (LATENTS_PER_CHUNK - SHORT_TERM_LATENTS) * FRAMES_PER_LATENT
    audio = encoded.audio[:, first : (LATENTS_PER_CHUNK + 1) * FRAMES_PER_LATENT]
    blinks = encoded.blinks[:, LATENTS_PER_CHUNK - SHORT_TERM_LATENTS : LATENTS_PER_CHUNK]

    def velocity(latents: Tensor, levels: Tensor) -> Tensor:
        guidance = None if scale is None else levels.new_full(levels.shape[:1], scale)
        predicted: Tensor = model(
            latents, levels, audio, encoded.text[:, :1], cache, guidance, blinks
        )
        return predicted

    return velocity
