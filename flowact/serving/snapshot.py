"""A session as bytes, so that another process, here or elsewhere, can go on with it.

The networks, the reference picture and what the decoder painted last are not part of it: the decoder begins again
from what `compact_state` says of it. Latents are kept as float16, and sound as the 16-bit samples that it came as.
The format is safetensors: a snapshot cannot run code.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any, Final

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from flowact.conditioning.window import AudioTimeline
from flowact.pipeline.chunks import StreamingDecoder
from flowact.streaming.memory import MemoryBank
from flowact.streaming.state import SessionState
from flowact.timebase import SAMPLES_PER_CHUNK

SCHEMA: Final = "flowact-session-3"
"""Another one with every change of what is written; what has another one cannot be read."""
DAMAGES: Final = (SafetensorError, KeyError, ValueError, TypeError, RuntimeError, struct.error)
"""What reading bytes that are no snapshot may raise."""
_FULL_SCALE: Final = 32768
_LATENTS: Final = ("reference", "long_term", "short_term", "stream")


@dataclass(frozen=True)
class SessionSnapshot:
    """What changes from chunk to chunk in a session.

    Attributes:
        state: the transformer's side, batch of one.
        decoder: what the tokenizer's decoder remembers; a dataclass of tensors, or a handle of one.
        timeline: the sound that is still needed.
    """

    state: SessionState
    decoder: Any
    timeline: AudioTimeline


def stored(snapshot: SessionSnapshot, tokenizer: StreamingDecoder[Any, Any]) -> bytes:
    """Write a session between two chunks.

    Of its sound the past is written: what is known of the future is for its source to remember.
    """
    state, memory = snapshot.state, snapshot.state.memory
    timeline = snapshot.timeline.cut(int(state.emitted[0]) * SAMPLES_PER_CHUNK)
    latents = (memory.reference, memory.long_term, memory.short_term, state.stream)
    parts = {name: part.half() for name, part in zip(_LATENTS, latents, strict=True)}
    decoder = tokenizer.compact_state(snapshot.decoder)
    parts |= {f"decoder{index}": part for index, part in enumerate(decoder)}
    samples = (timeline.samples * _FULL_SCALE).round().clamp(-_FULL_SCALE, _FULL_SCALE - 1)
    parts |= {"samples": samples.short(), "generators": state.generators, "emitted": state.emitted}
    numbers = {"ages": memory.ages, "levels": state.levels, "start": timeline.start}
    words = {"schema": SCHEMA, "numbers": json.dumps(numbers)}
    # Cloned, or tensors that share their memory could not be written.
    return save({name: part.cpu().contiguous().clone() for name, part in parts.items()}, words)


def restored(
    data: bytes, tokenizer: StreamingDecoder[Any, Any], features: Any, example: SessionState
) -> SessionSnapshot:
    """Read what `stored` wrote.

    Args:
        data: the snapshot.
        tokenizer: decodes from now on, perhaps in another number format than before.
        features: what it knows of the session's picture.
        example: the session as it began, whose latents and their device are those of the present model.

    Raises:
        ValueError: it is damaged, of another version or of another model.
    """
    try:
        words = _words(data)
        if words.get("schema") != SCHEMA:
            raise ValueError(f"its schema is {words.get('schema')!r}, not {SCHEMA!r}")
        parts, numbers = load(data), json.loads(words["numbers"])
        state = _state(parts, numbers, example)
        timeline = AudioTimeline(parts["samples"].float() / _FULL_SCALE, int(numbers["start"]))
        count = sum(name.startswith("decoder") for name in parts)
        compact = tuple(parts[f"decoder{index}"] for index in range(count))
        return SessionSnapshot(state, tokenizer.restored_state(compact, features), timeline)
    except DAMAGES as error:
        raise ValueError(f"snapshot of {len(data)} bytes cannot be read: {error}") from error


def _state(
    parts: dict[str, Tensor], numbers: dict[str, Any], example: SessionState
) -> SessionState:
    reference, long_term, short_term, stream = (parts[name].to(example.stream) for name in _LATENTS)
    memory = MemoryBank(reference, long_term, short_term, tuple(numbers["ages"]))
    levels, generators = tuple(numbers["levels"]), parts["generators"]
    for one, other in (
        (reference, example.memory.reference),
        (stream, example.stream),
        (generators, example.generators),
    ):
        if one.shape != other.shape:
            raise ValueError("it is of another model")
    return SessionState(memory, stream, levels, generators, parts["emitted"])


def _words(data: bytes) -> dict[str, str]:
    """Return the metadata at the head of a safetensors file, which `load` does not give."""
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + length])
    if not isinstance(header, dict):
        raise ValueError("its header is no table")
    words: dict[str, str] = header.get("__metadata__", {})
    return words
