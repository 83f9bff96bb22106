"""The stages between a voice and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flowact.conditioning.features import COMPACT, AudioFeatures, ConditionFeatures
from flowact.conditioning.window import AudioTimeline
from flowact.mmdit.model import FlowActTransformer
from flowact.pipeline.stages import PipelineStage
from flowact.portrait import reference_points
from flowact.streaming.conditions import Conditions
from flowact.streaming.settings import StepSettings
from flowact.streaming.state import SessionState
from flowact.streaming.step import step
from flowact.timebase import FRAMES_PER_CHUNK

Features = TypeVar("Features", bound="HasLatent")
Memory = TypeVar("Memory")


class HasLatent(Protocol):
    """What is known of a reference picture: its latent, and whatever the decoder wants."""

    @property
    def latent(self) -> Tensor:
        """The picture as one latent `[batch, channels, height, width]`."""


class StreamingDecoder(Protocol[Features, Memory]):
    """What the pipeline asks of the tokenizer."""

    @property
    def uses_landmarks(self) -> bool:
        """Whether `reference_features` makes use of landmarks."""

    def reference_features(self, reference: Tensor, points: Tensor | None = None) -> Features:
        """Look at pictures `[batch, 3, 480, 480]` in [-1, 1] and their landmarks `[batch, 89, 2]`; see `look_at`."""

    def initial_state(self, features: Features) -> Memory:
        """Return what the decoder remembers before the first latent."""

    def compact_state(self, state: Memory) -> tuple[Tensor, ...]:
        """Return the little from which `restored_state` makes nearly the same memory again."""

    def restored_state(self, compact: tuple[Tensor, ...], features: Features) -> Memory:
        """Undo `compact_state`, but for what the decoder painted before.

        Raises:
            ValueError: it is of another decoder.
        """

    def decode_uint8(
        self, state: Memory, z: Tensor, features: Features, *, coarse: bool = False
    ) -> tuple[Tensor, Memory]:
        """Latents `[batch, n, ...]` to uint8 frames `[batch, 4 * n, 480, 480, 3]`; coarse ones cost less."""


def look_at(
    tokenizer: StreamingDecoder[Features, Memory],
    frames: Tensor,
    device: torch.device | None = None,
) -> Features:
    """What a tokenizer knows of pictures `[batch, 3, 480, 480]` in [-1, 1], given their landmarks if it uses them."""
    points = reference_points(frames) if tokenizer.uses_landmarks else None
    return tokenizer.reference_features(frames.to(device), points)


class EncodeReference(PipelineStage[None, NDArray[np.uint8], Features]):
    """Look at the picture of the person, uint8 `[480, 480, 3]`, once per session."""

    name: ClassVar = "look"
    takes: ClassVar = np.ndarray
    gives: ClassVar = HasLatent

    def __init__(self, tokenizer: StreamingDecoder[Features, Memory], device: torch.device) -> None:
        self._tokenizer, self._device = tokenizer, device

    @torch.no_grad()
    def run(self, state: None, given: NDArray[np.uint8]) -> tuple[None, Features]:
        """Compute what every later chunk will want to know of the picture."""
        return state, look_at(self._tokenizer, to_frames(given), self._device)


@dataclass(frozen=True)
class AudioBuffer:
    """State of `BufferAudio`: the sound that is still needed, and the first frame of the next chunk."""

    timeline: AudioTimeline
    frame: int = 0


class BufferAudio(PipelineStage[AudioBuffer, NDArray[np.float32], AudioTimeline]):
    """Take 7680 samples in, give out all sound that matters for the next chunk."""

    name: ClassVar = "listen"
    takes: ClassVar = np.ndarray
    gives: ClassVar = AudioTimeline

    def __init__(self, features: AudioFeatures = COMPACT.audio) -> None:
        self._features = features

    def run(
        self, state: AudioBuffer, given: NDArray[np.float32]
    ) -> tuple[AudioBuffer, AudioTimeline]:
        """Append the samples to the timeline and forget what no later chunk can hear."""
        timeline = state.timeline.push(torch.from_numpy(given))
        timeline = timeline.trimmed(state.frame, self._features)
        return AudioBuffer(timeline, state.frame + FRAMES_PER_CHUNK), timeline


class Denoise(PipelineStage[SessionState, AudioTimeline, Tensor]):
    """Let the transformer make the next chunk of latents `[1, 3, channels, height, width]`."""

    name: ClassVar = "denoise"
    takes: ClassVar = AudioTimeline
    gives: ClassVar = Tensor

    def __init__(
        self,
        model: FlowActTransformer,
        settings: StepSettings,
        action: str,
        features: ConditionFeatures = COMPACT,
    ) -> None:
        self._model, self._settings, self._action = model, settings, action
        self._features = features

    def run(self, state: SessionState, given: AudioTimeline) -> tuple[SessionState, Tensor]:
        """Do one step of the session."""
        conditions = Conditions.of(state, [given], [self._action], self._features)
        return step(self._model, state, conditions, self._settings)


class Decode(PipelineStage[Memory, Tensor, NDArray[np.uint8]]):
    """Turn one latent into pictures, uint8 `[4, 480, 480, 3]`.

    Latent by latent rather than chunk by chunk, so that the first frame is there the sooner.
    """

    name: ClassVar = "decode"
    takes: ClassVar = Tensor
    gives: ClassVar = np.ndarray

    def __init__(
        self,
        tokenizer: StreamingDecoder[Features, Memory],
        features: Features,
        device: torch.device,
    ) -> None:
        self._tokenizer, self._features, self._device = tokenizer, features, device

    def run(self, state: Memory, given: Tensor) -> tuple[Memory, NDArray[np.uint8]]:
        """Decode a latent `[1, 1, ...]`; the state carries what it follows on."""
        latent = given.to(self._device)
        frames, state = self._tokenizer.decode_uint8(state, latent, self._features)
        return state, frames[0].numpy(force=True)


def to_frames(picture: NDArray[np.uint8]) -> Tensor:
    """One picture, uint8 `[height, width, 3]`, to frames `[1, 3, height, width]` in [-1, 1]."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
