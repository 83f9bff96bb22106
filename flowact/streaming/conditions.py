"""What a batch of sessions hears and shall do during one step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from flowact.conditioning.features import COMPACT, ConditionFeatures
from flowact.conditioning.window import FRAMES_BEHIND, AudioTimeline, AudioWindow
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.blinks import scheduled
from flowact.streaming.state import SessionState
from flowact.timebase import LATENTS_PER_CHUNK


@dataclass(frozen=True)
class Conditions:
    """Sound, action and blinks of a batch of sessions.

    The whole stream reads the newest conditions, chunks already in flight too, so a change of
    sound or action shows in the very next chunk.

    Attributes:
        audio: sound round the stream.
        text: features of the action's text, `[batch, ...]`; hashed pieces unless a preset names
            another kind, and all 0 for no action.
        blinks: whether and when the lids fall in each latent of the stream, `[batch, L]`; see
            `streaming.blinks`.
    """

    audio: AudioWindow
    text: Tensor
    blinks: Tensor

    @classmethod
    def of(
        cls,
        state: SessionState,
        timelines: Sequence[AudioTimeline],
        actions: Sequence[str],
        features: ConditionFeatures = COMPACT,
    ) -> Self:
        """Cut each session's window from its timeline, read its action's text, look up its blinks.

        Raises:
            ValueError: if the batch sizes differ.
        """
        sizes = len(state.emitted), len(timelines), len(actions)
        if len(set(sizes)) != 1:
            raise ValueError(f"(sessions, timelines, actions) are {sizes}; expected equal numbers")
        windows = [
            timeline.window(frame, state.stream.shape[1], features.audio)
            for timeline, frame in zip(timelines, state.frames, strict=True)
        ]
        text = torch.stack([features.text.extract(text) for text in actions])
        first = state.emitted * LATENTS_PER_CHUNK
        blinks = scheduled(state.generators, first, state.stream.shape[1])
        return cls(AudioWindow.stack(windows), text, blinks)


@dataclass(frozen=True)
class EncodedConditions:
    """Conditions as tokens.

    Attributes:
        behind: sound of the short-term memory, `[batch, 8, audio_dim]`.
        audio: sound of the stream and a little ahead, `[batch, 4 * (L + 1), audio_dim]`.
        muted: the same with every sound unknown.
        text: the action for every chunk, `[batch, chunks, text_tokens, text_dim]`.
        blinks: of every latent, as they came, `[batch, L]`.
    """

    behind: Tensor
    audio: Tensor
    muted: Tensor
    text: Tensor
    blinks: Tensor


def encode_conditions(
    model: FlowActTransformer, conditions: Conditions, chunks: int
) -> EncodedConditions:
    """Run the small encoders that are part of the model."""
    device = model.device
    audio, known = conditions.audio.features.to(device), conditions.audio.known.to(device)
    encoded = model.encode_audio(audio, known)
    stream = encoded[:, FRAMES_BEHIND:]
    text = model.encode_text(conditions.text.to(device)[:, None])
    return EncodedConditions(
        behind=encoded[:, :FRAMES_BEHIND],
        audio=stream,
        muted=model.audio_encoder.unknown.expand_as(stream),
        text=text.expand(-1, chunks, -1, -1),
        blinks=conditions.blinks.to(device),
    )
