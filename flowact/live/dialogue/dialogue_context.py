"""What a dialogue reaches outside itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from flowact.live.dialogue.mouth import Tell
from flowact.serving.messages import Command


class ReplyExpected(Protocol):
    """Hears whether something is to be said from now on."""

    def __call__(self, *, reply: bool) -> None:
        """Take note of it."""


@dataclass(frozen=True)
class DialogueContext:
    """What a dialogue reaches outside itself.

    Attributes:
        session: its name.
        command: passes a command to the worker.
        tell: tells the viewer.
        flush: throws away what waits to be sent to the viewer.
        act: lets the avatar do a behaviour.
        begun: chooses what the avatar does when it begins to speak.
        expected: hears whether something is to be said from now on.
        now: seconds of a monotonic clock.
    """

    session: str
    command: Callable[[Command], None]
    tell: Tell
    flush: Callable[[], None]
    act: Callable[[str], None]
    begun: Callable[[], None]
    expected: ReplyExpected
    now: Callable[[], float] = time.monotonic
