"""How the latents of a pass are divided among the devices that share a transformer.

Every device has all weights and works on some of the video's latents. What the transformer asks is which are
its own, attention over everybody's, and the results of all at the end. `flowact.parallel` answers for several
devices; one device has it all.
"""

from typing import Final, Protocol

from torch import Tensor

from flowact.mmdit.block import Attended, Projected, attend_jointly
from flowact.mmdit.memory import KeyValue


class Share(Protocol):
    """One device's part of one pass."""

    @property
    def own(self) -> slice:
        """The device's latents."""

    def attend(self, projected: dict[str, Projected], memory: KeyValue | None) -> Attended:
        """Joint attention of the own video tokens and of all others over the tokens of all devices."""

    def gather(self, tokens: Tensor) -> Tensor:
        """Own `[batch, latents, ...]` to those of all devices, in order."""


class Division(Protocol):
    """Divides the latents of every pass."""

    def over(self, length: int) -> Share:
        """Return this device's share of `length` latents."""


class EntireShare:
    """Everything is here."""

    own = slice(None)

    def attend(self, projected: dict[str, Projected], memory: KeyValue | None) -> Attended:
        """Attend to what is here."""
        return attend_jointly(projected, memory)

    def gather(self, tokens: Tensor) -> Tensor:
        """Return what is here."""
        return tokens


class Undivided:
    """One device has it all."""

    def over(self, length: int) -> EntireShare:
        """Return all latents."""
        return EntireShare()


UNDIVIDED: Final = Undivided()
