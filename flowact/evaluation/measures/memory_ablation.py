"""What memory is worth: the same weights, looking back at less."""

from dataclasses import replace
from typing import Self

import torch

from flowact.mmdit.memory import REFERENCE, SHORT_TERM, MemoryCache, MemoryInput
from flowact.mmdit.model import FlowActTransformer


class MaskedMemoryTransformer(FlowActTransformer):
    """A transformer that takes in some kinds of memory latents only.

    Attributes:
        kept: roles of the latents that it sees.
    """

    kept: tuple[int, ...] = (REFERENCE,)

    @classmethod
    def of(cls, model: FlowActTransformer, *kept: int) -> Self:
        """Return a network that shares the weights of `model` and sees latents of the given roles."""
        made: Self = cls.from_config(model.config)
        # The parts themselves: those that were made quick on this processor have other weights than a fresh network.
        for name, part in (*model.named_children(), *model.named_parameters(recurse=False)):
            setattr(made, name, part)
        made.kept = kept
        return made.eval().requires_grad_(False)

    def encode_memory(self, memory: MemoryInput) -> MemoryCache:
        """Take in what is kept; the sound before the stream belongs to the newest latents."""
        seen = torch.isin(memory.roles, memory.roles.new_tensor(self.kept))
        newest = SHORT_TERM in self.kept
        return super().encode_memory(
            replace(
                memory,
                latents=memory.latents[:, seen],
                roles=memory.roles[seen],
                times=memory.times[:, seen],
                levels=memory.levels[:, seen],
                audio=memory.audio if newest else memory.audio[:, :0],
            )
        )
