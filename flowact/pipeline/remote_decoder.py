"""A tokenizer in a process of its own, fed latents from point to point.

What it knows of portraits and what its decoder remembers stay there; the other side holds handles. A handle is a
value like any state: decoding gives a new one, and an old one can be decoded from again. What no handle points to
any more is forgotten there with the next request.
"""

from __future__ import annotations

import itertools
import pickle
import threading
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor

from flowact.pipeline.chunks import StreamingDecoder


@dataclass(frozen=True, eq=False)
class Handle:
    """Something in the decoder's process."""

    key: int


@dataclass(frozen=True, eq=False)
class RemoteFeatures(Handle):
    """What the decoder's process knows of portraits; their latent `[batch, c, h, w]` is here too."""

    latent: Tensor


@dataclass(frozen=True)
class Request:
    """One call.

    Attributes:
        method: of `_Decoder`.
        arguments: tensors on the processor, numbers, and keys of what is there.
        dropped: keys that nobody will use again.
    """

    method: str
    arguments: Sequence[Any]
    dropped: Sequence[int]


class RemoteDecoder:
    """Stands for a tokenizer in another process; several threads may call it.

    Args:
        pipe: to `serve_decoder`.
        uses_landmarks: whether the tokenizer there makes use of them.
    """

    def __init__(self, pipe: Connection, uses_landmarks: bool) -> None:
        self.uses_landmarks = uses_landmarks
        self._pipe, self._lock = pipe, threading.Lock()
        self._keys, self._dropped = itertools.count(), deque[int]()

    def reference_features(self, reference: Tensor, points: Tensor | None = None) -> RemoteFeatures:
        """See `StreamingDecoder`."""
        key = next(self._keys)
        latent: Tensor = self._call("look", key, reference.cpu(), points)
        return self._watched(RemoteFeatures(key, latent))

    def initial_state(self, features: RemoteFeatures) -> Handle:
        """See `StreamingDecoder`."""
        key = next(self._keys)
        self._call("begin", key, features.key)
        return self._watched(Handle(key))

    def decode_uint8(
        self, state: Handle, z: Tensor, features: RemoteFeatures, *, coarse: bool = False
    ) -> tuple[Tensor, Handle]:
        """See `StreamingDecoder`."""
        key = next(self._keys)
        frames: Tensor = self._call("decode", key, state.key, z.cpu(), features.key, coarse)
        return frames, self._watched(Handle(key))

    def compact_state(self, state: Handle) -> tuple[Tensor, ...]:
        """See `StreamingDecoder`."""
        compact: tuple[Tensor, ...] = self._call("compact", state.key)
        return compact

    def restored_state(self, compact: tuple[Tensor, ...], features: RemoteFeatures) -> Handle:
        """See `StreamingDecoder`."""
        key = next(self._keys)
        self._call("restore", key, compact, features.key)
        return self._watched(Handle(key))

    def _call(self, method: str, *arguments: Any) -> Any:
        with self._lock:
            dropped = [self._dropped.popleft() for _ in range(len(self._dropped))]
            self._pipe.send_bytes(pickle.dumps(Request(method, arguments, dropped)))
            answer = pickle.loads(self._pipe.recv_bytes())  # noqa: S301 - our own process wrote it
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _watched(self, handle: Any) -> Any:
        weakref.finalize(handle, self._dropped.append, handle.key)
        return handle


def serve_decoder(
    pipe: Connection,
    tokenizer: StreamingDecoder[Any, Any],
    device: torch.device,
) -> None:
    """Decode for a `RemoteDecoder` until it is gone.

    Args:
        pipe: to it.
        tokenizer: that decodes.
        device: where.
    """
    decoder = _Decoder(tokenizer, device)
    for request in _requests(pipe):
        for key in request.dropped:
            decoder.held.pop(key, None)
        try:
            answer = getattr(decoder, request.method)(*request.arguments)
        except (RuntimeError, ValueError, LookupError, MemoryError) as error:
            answer = _sendable(error)  # the session's, which the other side ends
        pipe.send_bytes(pickle.dumps(answer))


def _sendable(error: Exception) -> Exception:
    """An error that can be pickled, and of which the other side still knows whether the memory was full."""
    if not isinstance(error, torch.OutOfMemoryError | MemoryError):
        return RuntimeError(str(error))
    torch.cuda.empty_cache()
    return error


def _requests(pipe: Connection) -> Iterator[Request]:
    while True:
        try:
            yield pickle.loads(pipe.recv_bytes())  # noqa: S301 - our own process wrote it
        except EOFError:
            return


class _Decoder:
    """The tokenizer's side: what handles point to."""

    def __init__(self, tokenizer: StreamingDecoder[Any, Any], device: torch.device) -> None:
        self._tokenizer, self._device = tokenizer, device
        self.held: dict[int, Any] = {}

    @torch.no_grad()
    def look(self, key: int, reference: Tensor, points: Tensor | None) -> Tensor:
        self.held[key] = self._tokenizer.reference_features(reference.to(self._device), points)
        latent: Tensor = self.held[key].latent
        return latent.cpu()

    def begin(self, key: int, features: int) -> None:
        self.held[key] = self._tokenizer.initial_state(self.held[features])

    def decode(self, key: int, state: int, z: Tensor, features: int, coarse: bool) -> Tensor:
        frames, self.held[key] = self._tokenizer.decode_uint8(
            self.held[state], z.to(self._device), self.held[features], coarse=coarse
        )
        return frames.cpu()

    def compact(self, state: int) -> tuple[Tensor, ...]:
        return tuple(part.cpu() for part in self._tokenizer.compact_state(self.held[state]))

    def restore(self, key: int, compact: tuple[Tensor, ...], features: int) -> None:
        self.held[key] = self._tokenizer.restored_state(compact, self.held[features])
