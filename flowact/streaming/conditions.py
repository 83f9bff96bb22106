"""What a batch of sessions hears and shall do during one step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from flowact.conditioning.text import hash_pieces
from flowact.conditioning.window import FRAMES_BEHIND, AudioTimeline, AudioWindow
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.state import SessionState


@dataclass(frozen=True)
class Conditions:
    """Sound and action of a batch of sessions.

    The whole stream reads the newest conditions, chunks already in flight too, so a change of
    sound or action shows in the very next chunk.

    Attributes:
        audio: sound round the stream.
        text: hashed text of the action `[batch, pieces]`; all 0 for none.
    """

    audio: AudioWindow
    text: Tensor

    @classmethod
    def of(
        cls, state: SessionState, timelines: Sequence[AudioTimeline], actions: Sequence[str]
    ) -> Self:
        """Cut each session's window from its timeline and hash the text of its action.

        Raises:
            ValueError: if the batch sizes differ.
        """
        sizes = len(state.emitted), len(timelines), len(actions)
        if len(set(sizes)) != 1:
            raise ValueError(f"(sessions, timelines, actions) are {sizes}; expected equal numbers")
        windows = [
            timeline.window(frame, state.stream.shape[1])
            for timeline, frame in zip(timelines, state.frames, strict=True)
        ]
        return cls(AudioWindow.stack(windows), torch.stack([hash_pieces(text) for text in actions]))


@dataclass(frozen=True)
class EncodedConditions:
    """Conditions as tokens.

    Attributes:
        behind: sound of the short-term memory, `[batch, 8, audio_dim]`.
        audio: sound of the stream and a little ahead, `[batch, 4 * (L + 1), audio_dim]`.
        muted: the same with every sound unknown.
        text: the action for every chunk, `[batch, chunks, text_tokens, text_dim]`.
    """

    behind: Tensor
    audio: Tensor
    muted: Tensor
    text: Tensor


def encode_conditions(
    model: FlowActTransformer, conditions: Conditions, chunks: int
) -> EncodedConditions:
    """Run the small encoders that are part of the model."""
    device = model.device
    mel, known = conditions.audio.mel.to(device), conditions.audio.known.to(device)
    heard = model.encode_audio(mel, known)
    stream = heard[:, FRAMES_BEHIND:]
    text = model.encode_text(conditions.text.to(device)[:, None])
    return EncodedConditions(
        behind=heard[:, :FRAMES_BEHIND],
        audio=stream,
        muted=model.audio_encoder.unknown.expand_as(stream),
        text=text.expand(-1, chunks, -1, -1),
    )
