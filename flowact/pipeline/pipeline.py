"""FlowActPipeline: a picture, a voice and an action in, a stream of frames out."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import numpy as np
import torch
from diffusers.utils import BaseOutput
from numpy.typing import NDArray
from torch import Tensor

from flowact.conditioning.actions import resolve
from flowact.conditioning.features import COMPACT, AudioFeatures, ConditionFeatures, TextFeatures
from flowact.conditioning.window import AudioTimeline
from flowact.media import Recording, VideoWriter
from flowact.mmdit.model import FlowActTransformer
from flowact.pipeline.chunks import (
    AudioBuffer,
    BufferAudio,
    Decode,
    Denoise,
    EncodeReference,
    StreamingDecoder,
)
from flowact.pipeline.components import (
    find_checkpoint,
    load_components,
    move_network,
    save_components,
)
from flowact.pipeline.prefetch import prefetch
from flowact.pipeline.sampling import SamplingConfig
from flowact.pipeline.stages import StageTimes
from flowact.portrait.reference import reference_picture
from flowact.streaming.state import SessionState
from flowact.timebase import FPS, FRAME_SIZE, FRAMES_PER_LATENT, SAMPLES_PER_CHUNK

T = TypeVar("T")

DEFAULT_ACTION: Final = "speaking"


@dataclass(frozen=True)
class StreamedFrame:
    """One frame of a stream.

    Attributes:
        index: number of the frame, from 0.
        time_s: when it is to be shown, in seconds from the start of the sound.
        image: uint8 RGB `[480, 480, 3]`.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8]


@dataclass
class FlowActPipelineOutput(BaseOutput):  # type: ignore[misc]
    """What calling a pipeline returns.

    Attributes:
        frames: uint8 RGB `[frames, 480, 480, 3]` at 25 frames per second.
    """

    frames: NDArray[np.uint8]


class FlowActPipeline:
    """The networks and the sampler's settings; sessions live in the iterators it makes.

    Call it for all frames at once, `generate` for a file, `stream` for frames as they are made:

    ```python
    from flowact import FlowActPipeline

    pipeline = FlowActPipeline.from_pretrained()
    frames = pipeline("hello.wav", character="mira", action="smile").frames
    pipeline.generate("hello.wav", "hello.mp4", character="mira")
    ```

    Args:
        transformer: predicts the velocity of latents from sound and action.
        tokenizer: turns frames into latents and back.
        scheduler: how to sample.
        audio_features: what the transformer's audio encoder reads; without one, log-mel frames.
        text_features: what its text encoder reads; without one, hashed words.
    """

    def __init__(
        self,
        transformer: FlowActTransformer,
        tokenizer: StreamingDecoder[Any, Any],
        scheduler: SamplingConfig,
        audio_features: AudioFeatures | None = None,
        text_features: TextFeatures | None = None,
    ) -> None:
        self.transformer, self.tokenizer, self.scheduler = transformer, tokenizer, scheduler
        self.audio_features, self.text_features = audio_features, text_features

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path | None = None,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> Self:
        """Load a checkpoint; without a path the one that comes with FlowAct.

        Args:
            path: folder with `model_index.json`, the name of a checkpoint that comes with FlowAct
                (`default`), or `owner/name` of a repository on the Hugging Face hub.
            dtype: what the networks compute in.
            device: where they do.

        Raises:
            UserError: there is none, it cannot be fetched, or it is damaged.
        """
        return cls(**load_components(find_checkpoint(path), dtype, torch.device(device)))

    @property
    def components(self) -> dict[str, Any]:
        """The parts by the names of their folders in a checkpoint."""
        parts = {
            "transformer": self.transformer,
            "tokenizer": self.tokenizer,
            "scheduler": self.scheduler,
            "audio_features": self.audio_features,
            "text_features": self.text_features,
        }
        return {name: part for name, part in parts.items() if part is not None}

    @property
    def features(self) -> ConditionFeatures:
        """What the transformer is given of sound and text."""
        return ConditionFeatures(
            self.audio_features or COMPACT.audio, self.text_features or COMPACT.text
        )

    @property
    def device(self) -> torch.device:
        """Where the transformer computes."""
        device: torch.device = self.transformer.device
        return device

    @property
    def decoder_device(self) -> torch.device:
        """Where frames are decoded: another device, if there are two."""
        device: torch.device = getattr(self.tokenizer, "device", self.device)
        return device

    @property
    def dtype(self) -> torch.dtype:
        """What the networks compute in."""
        dtype: torch.dtype = self.transformer.dtype
        return dtype

    def to(
        self, device: str | torch.device | None = None, dtype: torch.dtype | None = None
    ) -> Self:
        """Move the networks to a device, to another format, or both; return the pipeline itself.

        A decoder that was set to eight bits stays on the processor.
        """
        for component in self.components.values():
            if isinstance(component, torch.nn.Module):
                move_network(component, device, dtype)
        return self

    def save_pretrained(self, path: str | Path) -> None:
        """Write `model_index.json` and a folder for each component."""
        save_components(Path(path), type(self).__name__, self.components)

    def __call__(
        self,
        audio: Recording | str | Path,
        *,
        character: str | None = None,
        reference: NDArray[np.uint8] | str | Path | None = None,
        action: str = DEFAULT_ACTION,
        seed: int = 0,
    ) -> FlowActPipelineOutput:
        """Return all frames of a recording; a second of them takes 17 MB, so `stream` what is long.

        Args:
            audio: what is said.
            character: name of one of the characters; either this or `reference`.
            reference: a picture, or uint8 `[480, 480, 3]`.
            action: what the person does, in words.
            seed: equal seeds give equal frames.

        Raises:
            UserError: the picture or recording cannot be used.
            ValueError: not exactly one of `character` and `reference` was given.
        """
        picture = reference_picture(character, reference)
        recording = audio if isinstance(audio, Recording) else Recording.open(audio)
        frames = self.stream(picture, recording, action=action, seed=seed)
        return FlowActPipelineOutput(np.stack([frame.image for frame in frames]))

    def generate(
        self,
        audio: Recording | str | Path,
        out: str | Path,
        *,
        character: str | None = None,
        reference: NDArray[np.uint8] | str | Path | None = None,
        action: str = DEFAULT_ACTION,
        seed: int = 0,
        concurrent: bool = True,
        on_frame: Callable[[StreamedFrame], None] = lambda _frame: None,
    ) -> Path:
        """Write a video that is as long as the recording and carries its sound.

        Memory use does not depend on the length.

        Args:
            audio: what is said.
            out: the mp4 file to write; it appears when it is complete.
            character: name of one of the characters; either this or `reference`.
            reference: a picture, or uint8 `[480, 480, 3]`.
            action: what the person does, in words.
            seed: equal seeds give equal videos.
            concurrent: run transformer, decoder and encoder in a thread each.
            on_frame: is shown every frame, for progress.

        Raises:
            UserError: the picture or recording cannot be used, or the file cannot be written.
            ValueError: not exactly one of `character` and `reference` was given.
        """
        picture = reference_picture(character, reference)
        recording = audio if isinstance(audio, Recording) else Recording.open(audio)
        frames = self.stream(picture, recording, action=action, seed=seed, concurrent=concurrent)
        with VideoWriter(out, recording) as video, closing(frames):
            for frame in frames:
                video.write(frame.image[None])
                on_frame(frame)
        return Path(out)

    def stream(
        self,
        reference: NDArray[np.uint8],
        audio: Recording,
        *,
        action: str = DEFAULT_ACTION,
        seed: int = 0,
        concurrent: bool = True,
        times: StageTimes | None = None,
    ) -> Generator[StreamedFrame, None, None]:
        """Yield the frames of a session, made chunk by chunk while they are read.

        Args:
            reference: uint8 `[480, 480, 3]`.
            audio: what is said; it is decoded as it is needed.
            action: what the person does, in words; a text that the model was not trained on is
                taken for the nearest one that it was, see `flowact.conditioning.actions.resolve`.
            seed: equal seeds give equal frames.
            concurrent: run transformer and decoder in a thread each; the frames are the same.
            times: collects how long every run of every stage took.

        Close the iterator to end the session early.
        """
        handover = prefetch if concurrent else _directly
        times = times if times is not None else StageTimes()
        look = EncodeReference(self.tokenizer, self.decoder_device)
        (features,) = look.over(None, [_checked(reference)], times)
        first = features.latent[:, None].to(self.device)
        latents = handover(self._latents(first, audio, action, seed, times))
        every_latent = chain.from_iterable(chunk.split(1, dim=1) for chunk in latents)
        shown = islice(every_latent, -(-audio.video_frames // FRAMES_PER_LATENT))
        decoder = Decode(self.tokenizer, features, self.decoder_device)
        start = self.tokenizer.initial_state(features)
        # Closed in the order of the threads that read them, last one first.
        with closing(latents), closing(handover(decoder.over(start, shown, times))) as pictures:
            images = islice(chain.from_iterable(pictures), audio.video_frames)
            for index, image in enumerate(images):
                yield StreamedFrame(index, index / FPS, image)

    def _latents(
        self, reference: Tensor, audio: Recording, action: str, seed: int, times: StageTimes
    ) -> Iterator[Tensor]:
        """Yield a chunk of latents for every 0.48 s that have begun."""
        settings = self.scheduler.settings
        chunks = settings.schedule.chunks
        silence = np.zeros(SAMPLES_PER_CHUNK, np.float32)
        blocks = chain(audio.blocks(), repeat(silence, chunks))
        heard = AudioTimeline.empty()
        for block in islice(blocks, chunks):
            heard = heard.push(torch.from_numpy(block))
        sound = BufferAudio(self.features.audio).over(AudioBuffer(heard), blocks, times)
        phrase = resolve(action).matched_phrase
        denoiser = Denoise(self.transformer, settings, phrase, self.features)
        session = SessionState.start(reference.float(), [seed], chunks)
        yield from denoiser.over(session, sound, times)


def _checked(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    expected = (FRAME_SIZE, FRAME_SIZE, 3)
    if picture.shape != expected or picture.dtype != np.uint8:
        given = f"{picture.dtype} {list(picture.shape)}"
        raise ValueError(f"reference must be uint8 {list(expected)}, got {given}")
    return picture


def _directly(items: Iterator[T]) -> Generator[T, None, None]:
    yield from items
