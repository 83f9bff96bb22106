"""Training samples of the transformer: a stream, the memory that preceded it, sound and actions."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from flowact.conditioning.actions import PHRASES
from flowact.conditioning.audio import MEL_PER_TOKEN, SILENT_MEL
from flowact.conditioning.features import COMPACT, TextFeatures
from flowact.conditioning.window import FRAMES_BEHIND, AudioWindow
from flowact.motion.arkit import columns
from flowact.streaming.batch import stack
from flowact.streaming.blinks import UNKNOWN
from flowact.streaming.memory import MemoryBank
from flowact.timebase import FRAMES_PER_CHUNK, FRAMES_PER_LATENT, LATENTS_PER_CHUNK
from flowact.training.data.augmentation import SILENCE_MARGIN, Augmentation
from flowact.training.data.latents import LatentClip, LatentFolder

SILENCE: Final = 2.0
"""How much a silent frame's lips count."""
CLOSURE: Final = 10.0
"""How much the lips of a P, B or M count."""
PRESS: Final = 0.34
"""`mouthPress` of lips that a P, B or M has shut."""
_PRESSED: Final = columns("mouthPress")


@dataclass(frozen=True)
class Layout:
    """Which latents the samples of one batch have; all of a batch share it, so nothing is masked.

    Attributes:
        stream: latents of the stream.
        long_term: latents in the long-term queue.
        short_term: latents in the short-term memory.
        stride: chunks between two entries of the queue.
        reference: whether the memory holds the reference.
    """

    stream: int = 9
    long_term: int = 3
    short_term: int = 2
    stride: int = 1
    reference: bool = True

    @property
    def ages(self) -> tuple[int, ...]:
        """Age of every long-term latent, oldest first."""
        steps = [LATENTS_PER_CHUNK * (1 + self.stride * back) for back in range(self.long_term)]
        return tuple(reversed(steps))

    @property
    def history(self) -> int:
        """Latents that must precede the stream."""
        return max([self.short_term, *self.ages])


LAYOUTS: Final = (
    (0.52, Layout()),
    (0.09, Layout(stride=2)),
    (0.09, Layout(stride=3)),
    (0.05, Layout(long_term=1)),
    (0.05, Layout(long_term=2)),
    (0.10, Layout(long_term=0, short_term=0)),
    (0.07, Layout(stream=2, short_term=0)),
    (0.03, Layout(stream=2, short_term=0, reference=False)),
)
"""Probability of each layout: a running session, its first chunks, and memory refinement."""

SHORTEST_CLIP: Final = max(layout.history + layout.stream for _, layout in LAYOUTS)
"""Latents that a clip must have to serve every layout."""


@dataclass(frozen=True)
class Sample:
    """A batch.

    Attributes:
        stream: clean latents `[batch, L, channels, height, width]`.
        memory: the latents before them.
        audio: the sound round them.
        text: features of the text of each chunk's action `[batch, chunks, ...]`.
        blinks: whether and when the lids fall in each latent of the stream `[batch, L]`; see
            `streaming.blinks`.
        motion: of the stream, curves and pose, `[batch, 4 * L, channels]`.
        emphasis: how much the lips of each frame of the stream count `[batch, 4 * L]`.
    """

    stream: Tensor
    memory: MemoryBank
    audio: AudioWindow
    text: Tensor
    blinks: Tensor
    motion: Tensor
    emphasis: Tensor


@dataclass(frozen=True)
class Dropout:
    """Probabilities of what a sample does not get.

    Attributes:
        audio: no sound at all, neither in the stream nor, every other time, in the memory.
        text: no action.
        blinks: nothing said of blinks.
        horizon: the sound is known only up to a random frame of the stream, as in a live session.
    """

    audio: float = 0.1
    text: float = 0.1
    blinks: float = 0.1
    horizon: float = 0.15


class SampleSource:
    """Random batches from a folder of encoded clips.

    Attributes:
        generated: latents that the model itself made for some clips, by index of the clip.
        self_forcing: probability that a sample's memory comes from there (FlowAct-R1's
            self-forcing variant, arXiv 2601.10103).

    Its state goes into checkpoints, so that a run that was interrupted goes on as if it had not been.
    Processes that train together draw from parts of one sequence that never meet.
    """

    def __init__(
        self,
        folder: LatentFolder,
        batch: int,
        dropout: Dropout,
        seed: int,
        augmentation: Augmentation | None = None,
        rank: int = 0,
        text: TextFeatures = COMPACT.text,
    ) -> None:
        self.folder, self.batch, self.dropout, self.text = folder, batch, dropout, text
        self.augmentation = augmentation or Augmentation()
        self.rank = rank
        self.rng = _part(np.random.PCG64(seed), rank)
        self.generated: dict[int, Tensor] = {}
        self.self_forcing = 0.0

    def state_dict(self) -> dict[str, Any]:
        """Random state and generated latents, by seed of their clip."""
        seed = {index: clip.meta["seed"] for index, clip in enumerate(self.folder.clips)}
        return {
            "random": self.rng.bit_generator.state,
            "generated": {seed[index]: latents for index, latents in self.generated.items()},
            "self_forcing": self.self_forcing,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` of the first process gave."""
        sequence = np.random.PCG64()
        sequence.state = state_dict["random"]
        self.rng = _part(sequence, self.rank)
        index = {clip.meta["seed"]: index for index, clip in enumerate(self.folder.clips)}
        kept = state_dict["generated"].items()
        self.generated = {index[seed]: latents for seed, latents in kept if seed in index}
        self.self_forcing = state_dict["self_forcing"]

    def draw(self, layout: Layout | None = None) -> Sample:
        """Draw a batch of a layout, or of a random one."""
        self.folder.rescan()
        if layout is None:
            layout = LAYOUTS[self.rng.choice(len(LAYOUTS), p=_LAYOUT_SHARES)][1]
        return stack([self._one(layout) for _ in range(self.batch)])

    def _one(self, layout: Layout) -> Sample:
        clip, remembered = self._clip(layout)
        latest = min(len(clip) - layout.stream, len(remembered))
        start = int(self.rng.integers(layout.history, latest + 1))
        sample = cut_sample(clip, start, layout, remembered, self.text)
        window = self._dropped(sample.audio, layout)
        if clip.heard is None:  # features of a pretrained network are no log-mel frames
            window = replace(window, features=self.augmentation(window.features, self.rng))
        text = sample.text if self.rng.random() >= self.dropout.text else 0 * sample.text
        told = self.rng.random() >= self.dropout.blinks
        blinks = sample.blinks if told else torch.full_like(sample.blinks, UNKNOWN)
        return replace(sample, audio=window, text=text, blinks=blinks)

    def _clip(self, layout: Layout) -> tuple[LatentClip, Tensor]:
        """Choose a clip, and the latents that its memory shall hold."""
        if self.generated and self.rng.random() < self.self_forcing:
            index = int(self.rng.choice(list(self.generated)))
            return self.folder.clips[index], self.generated[index]
        clip = self.folder.clips[self.rng.integers(len(self.folder.clips))]
        return clip, clip.z

    def _dropped(self, window: AudioWindow, layout: Layout) -> AudioWindow:
        known = window.known.clone()
        if self.rng.random() < self.dropout.audio:
            known[:, FRAMES_BEHIND * int(self.rng.integers(2)) :] = False
        window = replace(window, known=known)
        if self.rng.random() < self.dropout.horizon:
            return cut_short(window, layout.stream, self.rng)
        return window


def _part(sequence: np.random.PCG64, rank: int) -> np.random.Generator:
    """The part of a random sequence that a process of a rank draws from."""
    return np.random.Generator(sequence.jumped(rank) if rank else sequence)


_LAYOUT_SHARES: Final = np.array([share for share, _ in LAYOUTS])


def cut_short(window: AudioWindow, stream: int, rng: np.random.Generator) -> AudioWindow:
    """Sound that is known only up to a random frame of a stream of so many latents, as in a live session."""
    known = window.known.clone()
    last = int(rng.integers(FRAMES_PER_LATENT, stream * FRAMES_PER_LATENT + 1))
    known[:, FRAMES_BEHIND + last :] = False
    return replace(window, known=known)


def cut_sample(
    clip: LatentClip,
    start: int,
    layout: Layout,
    remembered: Tensor,
    text: TextFeatures = COMPACT.text,
) -> Sample:
    """Cut the sample whose stream begins at latent `start` of a clip.

    Args:
        clip: the clip.
        start: at least `layout.history`.
        layout: which latents to take.
        remembered: where to take the memory from, the clip's own latents or generated ones.
        text: reads the actions.
    """
    long_term = torch.tensor([start - age for age in layout.ages], dtype=torch.int64)
    memory = MemoryBank(
        reference=clip.reference[: int(layout.reference)][None].float(),
        long_term=remembered[long_term][None].float(),
        short_term=remembered[start - layout.short_term : start][None].float(),
        ages=layout.ages,
    )
    frames = slice(start * FRAMES_PER_LATENT, (start + layout.stream) * FRAMES_PER_LATENT)
    return Sample(
        stream=clip.z[start : start + layout.stream][None].float(),
        memory=memory,
        audio=clip.window(start, layout.stream),
        text=_random_phrases(clip.behaviour[frames], text)[None],
        blinks=clip.blinks[start : start + layout.stream][None],
        motion=clip.motion[frames][None].float(),
        emphasis=lip_loss_weights(clip, frames)[None],
    )


def _random_phrases(behaviour: Tensor, text: TextFeatures) -> Tensor:
    """Read one random phrase for the most frequent behaviour of every chunk: `[chunks, ...]`."""
    labels = [chunk.mode().values for chunk in behaviour.split(FRAMES_PER_CHUNK)]
    tables = [known_phrases(text)[int(label)] for label in labels]
    return torch.stack([table[torch.randint(len(table), ())] for table in tables])


def lip_loss_weights(clip: LatentClip, frames: slice) -> Tensor:
    """How much the lips of each frame count: more where they must be shut, in silence or by a sound."""
    rows = clip.mel[frames.start * MEL_PER_TOKEN : frames.stop * MEL_PER_TOKEN].float()
    silent = (rows.amax(-1) < SILENT_MEL + SILENCE_MARGIN).float().view(-1, MEL_PER_TOKEN).mean(-1)
    pressed = clip.curves[frames][:, _PRESSED].float().mean(1) / PRESS
    return 1 + (SILENCE - 1) * silent + (CLOSURE - 1) * pressed.clamp(max=1)


@cache
def known_phrases(text: TextFeatures = COMPACT.text) -> tuple[Tensor, ...]:
    """Features of the phrases of every behaviour, `[phrases, ...]` each."""
    return tuple(torch.stack([text.extract(p) for p in phrases]) for phrases in PHRASES.values())
