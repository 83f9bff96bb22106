"""The sampler's settings as a component that is saved and loaded beside the networks."""

from __future__ import annotations

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.schedulers.scheduling_utils import SchedulerMixin

from flowact.streaming.schedule import Schedule, diagonal, sequential
from flowact.streaming.settings import RefinementSettings, StepSettings


class SamplingConfig(SchedulerMixin, ConfigMixin):  # type: ignore[misc]
    """What a checkpoint was trained and measured to be sampled with.

    Args:
        kind: `diagonal`, the denoising stream of the paper, or `sequential`.
        chunks: chunks in the denoising stream.
        calls: model calls per emitted chunk.
        shift: above 1 spends more calls on high noise.
        guidance: classifier-free guidance towards the sound; 1 costs one call instead of two.
        guidance_embedding: scale that a distilled model is asked to imitate; `None` to ask nothing.
        memory_level: noise blended into the memory.
        long_term_stride: chunks between two entries of the long-term queue.
        refinement_period: chunks between two refinements of the memory; 0 for never.
        refinement_level: noise level that a refinement returns to.
        refinement_calls: calls of a refinement.
        refinement_guidance: guidance of a refinement towards the reference.
    """

    config_name = "scheduler_config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        kind: str = "diagonal",
        chunks: int = 3,
        calls: int = 1,
        shift: float = 1.0,
        guidance: float = 1.0,
        guidance_embedding: float | None = None,
        memory_level: float = 0.0,
        long_term_stride: int = 1,
        refinement_period: int = 0,
        refinement_level: float = 0.4,
        refinement_calls: int = 2,
        refinement_guidance: float = 1.0,
    ) -> None:
        self.settings = StepSettings(
            schedule=_schedule(kind, chunks, calls, shift),
            guidance=guidance,
            guidance_embedding=guidance_embedding,
            memory_level=memory_level,
            long_term_stride=long_term_stride,
            refinement=RefinementSettings(
                refinement_period, refinement_level, refinement_calls, refinement_guidance
            ),
        )


FlowActScheduler = SamplingConfig
"""The name that checkpoints of releases before 0.2 give in `model_index.json`."""


def _schedule(kind: str, chunks: int, calls: int, shift: float) -> Schedule:
    kinds = {"diagonal": diagonal, "sequential": sequential}
    if kind not in kinds:
        raise ValueError(f"kind {kind!r}; expected one of {', '.join(kinds)}")
    return kinds[kind](chunks, calls, shift)
