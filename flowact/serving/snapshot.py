"""A session as bytes, so that another process can go on with it.

The networks and the reference picture are not part of it. Only tensors, numbers and tuples are
written and read: a snapshot cannot run code.
"""

from __future__ import annotations

import io
import pickle
from dataclasses import astuple, dataclass, replace
from typing import Any, Final

import torch
from torch import Tensor

from flowact.conditioning.window import AudioTimeline
from flowact.pipeline.remote_decoder import RemoteDecoder
from flowact.streaming import batch
from flowact.streaming.memory import MemoryBank
from flowact.streaming.state import SessionState
from flowact.tokenizer.video.adapter import VideoDecoderState

DAMAGES: Final = (
    *(RuntimeError, KeyError, IndexError, TypeError, ValueError, AttributeError),
    *(OSError, EOFError, pickle.UnpicklingError),
)
"""What PyTorch's reader raises over bytes that are no snapshot; it has no error of its own."""
MOST_DECODER_MEGABYTES: Final = 64.0
"""A large autoencoder's features weigh a gigabyte: too much to send every two seconds."""


@dataclass(frozen=True)
class SessionSnapshot:
    """What changes from chunk to chunk in a session.

    Attributes:
        state: the transformer's side, batch of one.
        decoder: what the tokenizer's decoder remembers; a dataclass of tensors.
        timeline: the sound that is still needed.
    """

    state: SessionState
    decoder: Any
    timeline: AudioTimeline


def to_bytes(snapshot: SessionSnapshot) -> bytes:
    """Write a session's snapshot."""
    state, memory = snapshot.state, snapshot.state.memory
    parts: dict[str, Tensor | tuple[Tensor | float, ...] | int] = {
        "reference": memory.reference,
        "long_term": memory.long_term,
        "short_term": memory.short_term,
        "ages": memory.ages,
        "stream": state.stream,
        "levels": state.levels,
        "generators": state.generators,
        "emitted": state.emitted,
        "decoder": astuple(light(snapshot.decoder)),
        # Cloned, or the storage of all sound ever heard would go along.
        "samples": snapshot.timeline.samples.clone(),
        "start": snapshot.timeline.start,
    }
    buffer = io.BytesIO()
    torch.save(parts, buffer)
    return buffer.getvalue()


def stored(snapshot: SessionSnapshot, tokenizer: Any) -> bytes:
    """Write a session's snapshot, whichever process its decoder's state is in."""
    if isinstance(tokenizer, RemoteDecoder):
        snapshot = replace(snapshot, decoder=tokenizer.fetch(snapshot.decoder))
    return to_bytes(snapshot)


def restored(data: bytes, tokenizer: Any, fresh: Any) -> SessionSnapshot:
    """Read a session's snapshot for a tokenizer, of which `fresh` is the decoder's first state.

    The worker that wrote it may have found another number format to be the fastest.

    Raises:
        ValueError: it is damaged.
    """
    if isinstance(tokenizer, RemoteDecoder):
        snapshot = from_bytes(data, type(tokenizer.fetch(fresh)))
        return replace(snapshot, decoder=tokenizer.adopt(snapshot.decoder, fresh))
    snapshot = from_bytes(data, type(fresh))
    return replace(snapshot, decoder=batch.match(snapshot.decoder, fresh))


def light(decoder: Any) -> Any:
    """A decoder's state, without features that are too large: they are computed anew from the last latents.

    The frames after that differ from those of a session that was not interrupted, by what the decoder
    saw further back.
    """
    if isinstance(decoder, VideoDecoderState) and decoder.megabytes > MOST_DECODER_MEGABYTES:
        return replace(decoder, features=())
    return decoder


def from_bytes(data: bytes, decoder: type) -> SessionSnapshot:
    """Read what `to_bytes` wrote.

    Args:
        data: the snapshot.
        decoder: class of the decoder's state.

    Raises:
        ValueError: it is damaged.
    """
    try:
        parts = torch.load(io.BytesIO(data), weights_only=True)
        memory = MemoryBank(
            parts["reference"], parts["long_term"], parts["short_term"], parts["ages"]
        )
        state = SessionState(
            memory, parts["stream"], parts["levels"], parts["generators"], parts["emitted"]
        )
        timeline = AudioTimeline(parts["samples"], parts["start"])
        return SessionSnapshot(state, decoder(*parts["decoder"]), timeline)
    except DAMAGES as error:
        raise ValueError(f"snapshot of {len(data)} bytes cannot be read: {error}") from error
