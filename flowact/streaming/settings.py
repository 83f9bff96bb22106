"""How a session is sampled."""

from dataclasses import dataclass, field

from flowact.streaming.schedule import Schedule, diagonal


@dataclass(frozen=True)
class RefinementSettings:
    """Memory refinement: every `period` chunks, noise the short-term memory and denoise it again.

    Attributes:
        period: chunks between two refinements; 0 for never.
        level: noise level to return to, 0..1.
        calls: calls back to a clean memory.
        guidance: how far to go from the velocity without the reference to the one with it and
            beyond; 1 costs one model call instead of two.
    """

    period: int = 0
    level: float = 0.4
    calls: int = 2
    guidance: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.period < 0 or self.calls < 1:
            raise ValueError(f"period {self.period}, calls {self.calls}; expected >= 0 and >= 1")
        if not 0 < self.level <= 1:
            raise ValueError(f"level {self.level}; expected above 0 and at most 1")


@dataclass(frozen=True)
class StepSettings:
    """What one step does.

    Attributes:
        schedule: the matrix of noise levels.
        guidance: classifier-free guidance towards the sound; 1 costs one call instead of two.
        guidance_embedding: scale that a distilled model is asked to imitate; `None` to ask nothing.
        memory_level: noise blended into the memory, 0..1; the model is told about it.
        long_term_stride: chunks between two entries of the long-term queue.
        refinement: when and how the short-term memory is refined.
    """

    schedule: Schedule = field(default_factory=diagonal)
    guidance: float = 1.0
    guidance_embedding: float | None = None
    memory_level: float = 0.0
    long_term_stride: int = 1
    refinement: RefinementSettings = field(default_factory=RefinementSettings)

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 <= self.memory_level < 1:
            raise ValueError(f"memory_level {self.memory_level}; expected 0 or more and below 1")
        if self.long_term_stride < 1:
            raise ValueError(f"long_term_stride {self.long_term_stride}; expected at least 1")
