"""Turn-taking: collects what the viewer says until they stop, and asks the language model."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.live.session.turn_detector import TurnDetector, TurnState
from flowact.live.speech.openai_client import OpenAIClient

LONGEST_TURN_BYTES: Final = 60 * 32_000
BEFORE_ONSET_PACKETS: Final = 10
"""Packets of 40 ms kept from before the onset, or the first syllable would be missing."""


class Conversation:
    """One viewer's turns.

    Attributes:
        activity: what the detector said last.

    Args:
        client: asks the language model.
    """

    def __init__(self, client: OpenAIClient) -> None:
        self._client, self._detector = client, TurnDetector()
        self.activity = TurnState(False, False, False)
        self._before: deque[bytes] = deque(maxlen=BEFORE_ONSET_PACKETS)
        self._turn = bytearray()
        self._turns: list[dict[str, str]] = []

    def hear(self, samples: NDArray[np.float32], packet: bytes) -> TurnState:
        """Take a packet, as samples and as it came."""
        self.activity = self._detector.hear(samples)
        if self.activity.speech_started:
            self._turn = bytearray(b"".join(self._before))
        if self.activity.speaking and len(self._turn) < LONGEST_TURN_BYTES:
            self._turn += packet
        self._before.append(packet)
        return self.activity

    async def reply(self) -> tuple[str, str]:
        """Return what the viewer said in the turn that ended, and the answer to it.

        Raises:
            UserError: no language model is configured, or it failed.
        """
        if not self._client.endpoint.configured:
            raise UserError("You were heard, but no language model is configured to answer.")
        turn, self._turn = bytes(self._turn), bytearray()
        said = await self._client.transcribe(turn)
        self._turns.append({"role": "user", "content": said})
        answer = await self._client.answer(self._turns)
        self._turns.append({"role": "assistant", "content": answer})
        return said, answer

    def close(self) -> None:
        """Forget everything that was said."""
        self._turns.clear()
        self._turn.clear()
        self._before.clear()
