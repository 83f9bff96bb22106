"""The memory bank: what a session remembers of its picture (FlowAct-R1, arXiv 2601.10103).

The reference latent anchors the identity, a queue of at most three leading latents of finished
chunks reaches further back, and the two newest latents continue the motion. Absent latents are
absent from the tensors: attention is sliced, never masked.
"""

from dataclasses import dataclass, replace
from typing import Final, Self

import torch
from torch import Tensor

from flowact.mmdit.memory import LONG_TERM, REFERENCE, SHORT_TERM, MemoryInput
from flowact.timebase import LATENTS_PER_CHUNK

LONG_TERM_LATENTS: Final = 3
SHORT_TERM_LATENTS: Final = 2
REFERENCE_TIME: Final = -16
"""Where the reference lies on the time axis: at a constant distance from the stream."""


@dataclass(frozen=True)
class MemoryBank:
    """Clean latents `[batch, n, channels, height, width]` of all three kinds, oldest first.

    Attributes:
        reference: `n = 1`; 0 only while memory refinement asks what would be without it.
        long_term: `n <= 3`.
        short_term: `n = 0` at the start of a session, then 2.
        ages: for each long-term latent, how many latents before the stream's first it is.
    """

    reference: Tensor
    long_term: Tensor
    short_term: Tensor
    ages: tuple[int, ...] = ()

    @classmethod
    def start(cls, reference: Tensor) -> Self:
        """Remember nothing but the reference `[batch, 1, channels, height, width]`."""
        if reference.dim() != 5 or reference.shape[1] != 1:
            raise ValueError(
                f"reference {tuple(reference.shape)}; expected [batch, 1, channels, height, width]"
            )
        nothing = reference[:, :0]
        return cls(reference, nothing, nothing)

    @property
    def layout(self) -> tuple[int, int, tuple[int, ...]]:
        """What two banks must share to be batched."""
        return self.reference.shape[1], self.short_term.shape[1], self.ages

    def remember(self, chunk: Tensor, stride: int = 1) -> Self:
        """Take in a finished chunk `[batch, 3, ...]`.

        Its newest latents become the short-term memory; its leading latent enters the queue if the
        newest one there is at least `stride` chunks older.
        """
        ages = tuple(age + LATENTS_PER_CHUNK for age in self.ages)
        long_term = self.long_term
        if not ages or ages[-1] >= (stride + 1) * LATENTS_PER_CHUNK:
            ages = (*ages, LATENTS_PER_CHUNK)[-LONG_TERM_LATENTS:]
            long_term = torch.cat((long_term, chunk[:, :1]), 1)[:, -LONG_TERM_LATENTS:]
        return replace(
            self, long_term=long_term, short_term=chunk[:, -SHORT_TERM_LATENTS:], ages=ages
        )

    def without_reference(self) -> Self:
        """Return the bank as it would be without its reference."""
        return replace(self, reference=self.reference[:, :0])

    def before_short_term(self) -> Self:
        """Return the bank as seen from the first short-term latent, without short-term memory."""
        newest = self.short_term.shape[1]
        return replace(
            self,
            short_term=self.short_term[:, :0],
            ages=tuple(age - newest for age in self.ages),
        )

    def as_input(self, audio: Tensor) -> MemoryInput:
        """Arrange the bank for the transformer.

        Args:
            audio: tokens `[batch, 8, audio_dim]` of the sound before the stream; used only if there
                is a short-term memory.
        """
        kinds = (self.reference, self.long_term, self.short_term)
        counts = [kind.shape[1] for kind in kinds]
        latents = torch.cat(kinds, 1)
        roles = [REFERENCE] * counts[0] + [LONG_TERM] * counts[1] + [SHORT_TERM] * counts[2]
        times = [REFERENCE_TIME] * counts[0] + [-age for age in self.ages] + [*range(-counts[2], 0)]
        return MemoryInput(
            latents=latents,
            roles=torch.tensor(roles, device=latents.device),
            times=torch.tensor([times], device=latents.device),
            levels=latents.new_zeros(latents.shape[:2]),
            audio=audio if counts[2] else audio[:, :0],
        )
