"""Places of a server that were promised elsewhere, until their page comes and as long as it stays."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from flowact.live.protocol.problem import ApiError

UNCLAIMED_SECONDS: Final = 10.0


class PlaceLostError(ApiError):
    """A page came with a place that is not its own any more: it has to ask for another one."""

    def __init__(self) -> None:
        super().__init__(
            "place_lost", "That place is over; ask for another one.", retryable=True, fatal=True
        )


@dataclass
class _Lease:
    over: asyncio.Event = field(default_factory=asyncio.Event)
    claimed: bool = False


class Reservations:
    """Who may enter a server whose places are given away by others.

    A lease is over when its page did not come in time, when it was given back before, or when its session has ended.

    Args:
        places: how many there are.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._leases: dict[str, _Lease] = {}
        self._sessions: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def reserve(self, lease: str) -> bool:
        """Keep a place for a page; false if there is none."""
        if len(self._leases) >= self.places or lease in self._leases:
            return False
        self._leases[lease] = _Lease()
        return True

    async def wait(self, lease: str) -> None:
        """Return when a lease is over; whoever stops waiting gives it back, if no page has come by then."""
        held = self._leases[lease]
        try:
            try:
                async with asyncio.timeout(UNCLAIMED_SECONDS):
                    await held.over.wait()
            except TimeoutError:
                if held.claimed:
                    await held.over.wait()
        finally:
            if not held.claimed:
                self.give_back(lease)

    def claim(self, lease: str) -> None:
        """A page has come.

        Raises:
            PlaceLostError: too late, or a second time.
        """
        held = self._leases.get(lease)
        if held is None or held.claimed:
            raise PlaceLostError
        held.claimed = True

    def bind(self, lease: str, session: str) -> None:
        """Let a claimed lease last as long as a session."""
        self._sessions[session] = lease

    @property
    def bound(self) -> dict[str, str]:
        """Names of sessions by their leases."""
        return {lease: session for session, lease in self._sessions.items()}

    def give_back(self, lease: str) -> None:
        """A lease is over."""
        held = self._leases.pop(lease, None)
        if held is not None:
            held.over.set()

    def ended(self, session: str) -> None:
        """A session has ended, and so has its lease."""
        lease = self._sessions.pop(session, None)
        if lease is not None:
            self.give_back(lease)
