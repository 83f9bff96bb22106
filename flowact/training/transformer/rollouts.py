"""Latents that the model itself makes along a clip: for self-forcing, and for measuring it."""

from collections.abc import Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from flowact.conditioning.features import COMPACT, TextFeatures
from flowact.conditioning.window import AudioWindow
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.batch import move
from flowact.streaming.blinks import UNKNOWN
from flowact.streaming.conditions import Conditions
from flowact.streaming.schedule import Schedule
from flowact.streaming.settings import StepSettings
from flowact.streaming.state import SessionState
from flowact.streaming.step import step
from flowact.timebase import FRAMES_PER_CHUNK, LATENTS_PER_CHUNK
from flowact.training.data.latents import LatentClip
from flowact.training.data.samples import known_phrases


def generate(
    model: FlowActTransformer,
    clips: Sequence[LatentClip],
    settings: StepSettings,
    sounds: Sequence[LatentClip] | None = None,
    seed: int = 0,
    text: TextFeatures = COMPACT.text,
) -> Tensor:
    """Stream along clips of one length, from their references and sound.

    Args:
        model: in evaluation mode.
        clips: what to follow; only whole chunks of the shortest are made.
        settings: of the step.
        sounds: clips to take the sound from instead.
        seed: of the first clip's noise; the next has the next.
        text: reads the actions.

    Returns:
        `[clips, latents, channels, height, width]`, whole chunks.
    """
    state = _start(model, clips, settings, seed)
    chunks = min(map(len, clips)) // LATENTS_PER_CHUNK
    made = []
    for chunk in range(chunks):
        conditions = move(
            _conditions(clips, sounds or clips, chunk, state.stream.shape[1], text), model.device
        )
        state, latents = step(model, state, conditions, settings)
        made.append(latents)
    return torch.cat(made, 1)


def follow(
    model: FlowActTransformer,
    clips: Sequence[LatentClip],
    settings: StepSettings,
    strength: float,
    seed: int,
    text: TextFeatures = COMPACT.text,
) -> Tensor:
    """Make clips anew in the way of a stream, yet on their own path.

    Every chunk enters the stream as the clip's own latents noised to `strength` instead of as pure
    noise. So what comes out has the model's errors, gathered from chunk to chunk through its own
    memory, but the pose of the clip, and a clip's next latents still are the truth that follows.

    Args:
        model: in evaluation mode.
        clips: of one length.
        settings: of the step.
        strength: noise level at which chunks enter, 0..1.
        seed: of the noise.
        text: reads the actions.

    Returns:
        `[clips, latents, channels, height, width]`: as many chunks as streams fit into the clips.
    """
    settings = replace(settings, schedule=_scaled(settings.schedule, strength))
    truth = torch.stack([clip.z.float() for clip in clips]).to(model.device)
    state = _start(model, clips, settings, seed)
    length = state.stream.shape[1]
    state = replace(
        state,
        stream=(1 - strength) * truth[:, :length] + strength * state.stream,
        levels=(strength,) * len(state.levels),
    )
    made = []
    for first in range(0, truth.shape[1] - length - LATENTS_PER_CHUNK + 1, LATENTS_PER_CHUNK):
        chunk = first // LATENTS_PER_CHUNK
        conditions = move(_conditions(clips, clips, chunk, length, text), model.device)
        state, latents = step(model, state, conditions, settings)
        made.append(latents)
        state = _entering_from(state, truth[:, first + length :], strength)
    return torch.cat(made, 1)


def _start(
    model: FlowActTransformer,
    clips: Sequence[LatentClip],
    settings: StepSettings,
    seed: int,
) -> SessionState:
    references = torch.stack([clip.reference.float() for clip in clips]).to(model.device)
    seeds = range(seed, seed + len(clips))
    return SessionState.start(references, seeds, settings.schedule.chunks)


def _conditions(
    clips: Sequence[LatentClip],
    sounds: Sequence[LatentClip],
    chunk: int,
    length: int,
    text: TextFeatures,
) -> Conditions:
    frames = slice(chunk * FRAMES_PER_CHUNK, (chunk + 1) * FRAMES_PER_CHUNK)
    table = known_phrases(text)
    phrases = [table[int(clip.behaviour[frames].mode().values)][0] for clip in clips]
    windows = [sound.window(chunk * LATENTS_PER_CHUNK, length) for sound in sounds]
    latents = slice(chunk * LATENTS_PER_CHUNK, chunk * LATENTS_PER_CHUNK + length)
    blinks = torch.stack([_padded(clip.blinks[latents], length) for clip in clips])
    return Conditions(AudioWindow.stack(windows), torch.stack(phrases), blinks)


def _padded(blinks: Tensor, length: int) -> Tensor:
    """The blinks of a stream that may reach beyond its clip."""
    return F.pad(blinks, (0, length - len(blinks)), value=UNKNOWN)


def _scaled(schedule: Schedule, strength: float) -> Schedule:
    if not 0 < strength <= 1:
        raise ValueError(f"strength {strength}; expected above 0 and at most 1")
    rows = tuple(tuple(level * strength for level in row) for row in schedule.rows)
    return Schedule(f"{schedule.name} from {strength:.2f}", rows)


def _entering_from(state: SessionState, coming: Tensor, strength: float) -> SessionState:
    """Blend the noise that has just entered with the clip's own latents."""
    kept, noise = state.stream.split([state.stream.shape[1] - 3, 3], 1)
    entering = (1 - strength) * coming[:, :LATENTS_PER_CHUNK] + strength * noise
    return replace(state, stream=torch.cat((kept, entering), 1))
