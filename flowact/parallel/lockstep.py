"""Ranks in lockstep: each holds the whole state of every session and takes the same steps.

Only the transformer's passes are divided. States are small and noise is a function of a session's seed, so the
states of all ranks stay equal without being sent. The leader tells the followers who steps and what is heard; a
digest of the states goes along, so that a rank that has gone another way ends instead of showing a wrong picture.
"""

from __future__ import annotations

import hashlib
import pickle
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Final, Protocol

import torch
from torch import Tensor

from flowact.mmdit.model import FlowActTransformer
from flowact.streaming import batch
from flowact.streaming.conditions import Conditions
from flowact.streaming.settings import StepSettings
from flowact.streaming.state import SessionState, split_sessions, stack_sessions
from flowact.streaming.step import step

MOST_SESSIONS: Final = 256
"""Sessions whose states are remembered; what has not stepped for longest is sent again."""
DIGEST_BYTES: Final = 16
_CPU: Final = torch.device("cpu")


class DivergedError(RuntimeError):
    """A rank's state is not the leader's."""


class Stepper(Protocol):
    """Brings a batch of named sessions one chunk forward; see `flowact.streaming.step.step`."""

    def __call__(
        self, names: Sequence[str], state: SessionState, conditions: Conditions
    ) -> tuple[SessionState, Tensor]:
        """Return the next state and the finished chunk."""


@dataclass(frozen=True)
class Alone:
    """Steps in this process."""

    transformer: FlowActTransformer
    settings: StepSettings

    def __call__(
        self, names: Sequence[str], state: SessionState, conditions: Conditions
    ) -> tuple[SessionState, Tensor]:
        """See `Stepper`."""
        return step(self.transformer, state, conditions, self.settings)


@dataclass(frozen=True)
class Order:
    """What every rank does next.

    Attributes:
        names: the sessions of the batch.
        given: states of those that the followers do not know, or no longer.
        digest: of the batch's state before the step.
        conditions: what it hears and shall do.
    """

    names: tuple[str, ...]
    given: dict[str, SessionState]
    digest: bytes
    conditions: Conditions


@dataclass
class Recent:
    """The last sessions that stepped; leader and followers forget the same ones."""

    entries: OrderedDict[str, Any] = field(default_factory=OrderedDict)

    def keep(self, name: str, value: Any) -> None:
        """Remember a session's newest."""
        self.entries[name] = value
        self.entries.move_to_end(name)
        while len(self.entries) > MOST_SESSIONS:
            self.entries.popitem(last=False)

    def forget(self, names: Sequence[str]) -> None:
        """Remember nothing of them."""
        for name in names:
            self.entries.pop(name, None)


class Leader:
    """Steps, and lets the followers step along.

    Args:
        stepper: of this rank.
        followers: a pipe to each.
    """

    def __init__(self, stepper: Alone, followers: Sequence[Connection]) -> None:
        self._stepper, self._followers = stepper, followers
        self._known = Recent()

    def __call__(
        self, names: Sequence[str], state: SessionState, conditions: Conditions
    ) -> tuple[SessionState, Tensor]:
        """See `Stepper`; an error of the step is the followers' too, and they forget these sessions."""
        states = dict(zip(names, split_sessions(state), strict=True))
        unknown = {
            name: batch.move(one, _CPU)
            for name, one in states.items()
            if self._known.entries.get(name) != digest(one)
        }
        order = pickle.dumps(Order(tuple(names), unknown, digest(state), conditions))
        for follower in self._followers:
            follower.send_bytes(order)
        self._known.forget(names)
        moved, latents = self._stepper(names, state, conditions)
        for name, one in zip(names, split_sessions(moved), strict=True):
            self._known.keep(name, digest(one))
        return moved, latents


def follow(leader: Connection, stepper: Alone) -> None:
    """Step along until the leader is gone.

    Raises:
        DivergedError: the states are no longer the leader's.
    """
    known = Recent()
    while True:
        try:
            order: Order = pickle.loads(leader.recv_bytes())  # noqa: S301 - our own process wrote it
        except EOFError:
            return
        device = stepper.transformer.device
        given = {name: batch.move(one, device) for name, one in order.given.items()}
        state = stack_sessions([given.get(name) or known.entries[name] for name in order.names])
        if digest(state) != order.digest:
            raise DivergedError(
                f"the states of {len(order.names)} sessions differ from the leader's"
            )
        known.forget(order.names)
        try:
            moved, _ = stepper(order.names, state, order.conditions)
        except (FloatingPointError, ValueError):
            continue  # the leader meets the same and sends what it goes on with
        for name, one in zip(order.names, split_sessions(moved), strict=True):
            known.keep(name, one)


def digest(state: SessionState) -> bytes:
    """A few bytes that differ when a state does."""
    memory = state.memory
    tensors = (
        memory.reference,
        memory.long_term,
        memory.short_term,
        state.stream,
        state.generators,
        state.emitted,
    )
    found = hashlib.blake2b(repr((state.levels, memory.ages)).encode(), digest_size=DIGEST_BYTES)
    for tensor in tensors:
        found.update(str(tuple(tensor.shape)).encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.digest()
