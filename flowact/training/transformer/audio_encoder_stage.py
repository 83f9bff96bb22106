"""Training of the audio encoder by itself: sound to the mouth that makes it.

The stages of the transformer hear few seconds of speech per second of training, and know the voices
that they heard before they know the language. By itself the encoder hears many times as much, in
voices that are stretched much further. A head reads the curves of the mouth from each of its tokens;
the stages after it take the encoder as it is (`--audio`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from flowact.conditioning.audio import AudioEncoder
from flowact.conditioning.projection import AudioProjection
from flowact.conditioning.window import FRAMES_BEHIND, AudioWindow
from flowact.datagen.performance.behaviours import opens_without_speech
from flowact.datagen.voice.visemes import MOUTH
from flowact.mmdit.model import make_audio_encoder
from flowact.presets import load_preset
from flowact.streaming.batch import move, stack
from flowact.timebase import FRAMES_PER_LATENT
from flowact.training.data.augmentation import Augmentation
from flowact.training.data.latents import LatentClip, LatentFolder
from flowact.training.data.samples import Dropout, cut_short, lip_loss_weights
from flowact.training.loop.backend import choose_backend
from flowact.training.loop.checkpoints import load_matching_weights
from flowact.training.loop.loop import Loop, LoopSettings, Stateful
from flowact.training.loop.metrics import Values, correlation
from flowact.training.loop.run_folder import save_config
from flowact.training.parts import check_clips
from flowact.training.transformer.latent_probe import LatentProbe, curve_index
from flowact.training.transformer.run_weights import starting_audio_encoder

STREAM: Final = 9
"""Latents of a window, as many as a stream has."""
AUGMENTATION: Final = Augmentation(gain=0.5, tilt=0.25, throat=0.2, noise=0.5, masks=1)
"""Far more than the transformer trains on: voices are what differs most, and there are few."""
DROPOUT: Final = 0.05
"""Share of the activations between tokens that a step goes without."""
_MOUTH: Final = np.flatnonzero(MOUTH).tolist()
_JAW: Final = _MOUTH.index(curve_index("jawOpen"))


class CurveHead(nn.Module):
    """The audio encoder, and a head that reads the curves of the mouth from its tokens."""

    def __init__(self, encoder: AudioEncoder | AudioProjection) -> None:
        super().__init__()
        self.audio_encoder = encoder
        for module in encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = DROPOUT
        self.head = nn.Linear(encoder.unknown.shape[0], len(_MOUTH))

    def forward(self, window: AudioWindow) -> Tensor:
        """Standardised curves `[batch, tokens - 12, curves]` of the stream that a window is about."""
        heard = self.audio_encoder(window.features, window.known)
        stream = heard[:, FRAMES_BEHIND : FRAMES_BEHIND + STREAM * FRAMES_PER_LATENT]
        curves: Tensor = self.head(stream)
        return curves.float()


@dataclass(frozen=True)
class Spoken:
    """A batch.

    Attributes:
        audio: sound of streams of nine latents.
        curves: standardised curves of the mouth `[batch, 36, curves]`.
        weight: how much each frame counts `[batch, 36]`; 0 where something else opens the mouth, or
            the sound is not known.
    """

    audio: AudioWindow
    curves: Tensor
    weight: Tensor


@dataclass
class AudioEncoderStage:
    """The audio encoder in training; see `flowact.training.loop.loop.TrainingStage`.

    Attributes:
        seed: of all batches; each is drawn by the number of its step, so that a run resumes where it was.
    """

    model: CurveHead
    folder: LatentFolder
    heldout: Sequence[LatentClip]
    readout: LatentProbe
    batch: int
    seed: Sequence[int]
    extras: Mapping[str, Stateful] = field(default_factory=dict)

    def loss(self, model: nn.Module, step: int) -> tuple[Tensor, Values]:
        """Squared error of a random batch's curves."""
        self.folder.rescan()
        rng = np.random.default_rng((*self.seed, step))
        return self._error(model, self._joined([self._draw(rng) for _ in range(self.batch)])), {}

    def _joined(self, windows: Sequence[Spoken]) -> Spoken:
        """Windows as one batch, where the model is."""
        return move(stack(windows), next(self.model.parameters()).device)

    @staticmethod
    def _error(model: nn.Module, spoken: Spoken) -> Tensor:
        error: Tensor = (model(spoken.audio) - spoken.curves).square().mean(-1) * spoken.weight
        return error.mean()

    def _draw(self, rng: np.random.Generator) -> Spoken:
        """A random window of a random clip, in another voice."""
        clip = self.folder.clips[rng.integers(len(self.folder.clips))]
        spoken = self._cut(clip, int(rng.integers(0, len(clip) - STREAM + 1)))
        audio = spoken.audio
        if clip.heard is None:  # features of a pretrained network are no log-mel frames
            audio = replace(audio, features=AUGMENTATION(audio.features, rng))
        if rng.random() < Dropout().horizon:
            audio = cut_short(audio, STREAM, rng)
        known = audio.known[:, FRAMES_BEHIND:][:, : spoken.weight.shape[1]]
        return replace(spoken, audio=audio, weight=spoken.weight * known)

    def _cut(self, clip: LatentClip, start: int) -> Spoken:
        """The window of the stream that begins at a latent of a clip."""
        frames = slice(start * FRAMES_PER_LATENT, (start + STREAM) * FRAMES_PER_LATENT)
        curves = self.readout.standard(clip.motion[frames].float())[:, _MOUTH]
        spoken = torch.from_numpy(~opens_without_speech(clip.behaviour.numpy()))[frames]
        weight = lip_loss_weights(clip, frames) * spoken
        return Spoken(clip.window(start, STREAM), curves[None], weight[None])

    def evaluate(self, model: nn.Module, run: Path, step: int) -> Mapping[str, float]:
        """Correlation of the jaw with the truth's over windows of held-out clips, and the error."""
        spoken = self._joined(
            [
                self._cut(clip, start)
                for clip in self.heldout
                for start in range(0, len(clip) - STREAM + 1, STREAM)
            ]
        )
        made, counts = model(spoken.audio), spoken.weight > 0
        pair = (x[..., _JAW][counts][None] for x in (made, spoken.curves))
        return {"jaw": correlation(*pair), "heldout_error": float(self._error(model, spoken))}


def train_audio_encoder(
    data: Path, preset: str, init: Path | None, loop: LoopSettings, batch: int, seed: int = 0
) -> int:
    """Train the audio encoder on encoded clips; resumes. Returns the steps done.

    Args:
        data: folder with `train/`, `heldout/` and `readout.safetensors` (`flowact train latents`).
        preset: sizes of the transformer it is for.
        init: run of this stage or of the transformer, or checkpoint, whose encoder it starts from.
        loop: how long and how.
        batch: windows per step.
        seed: of weights and windows.
    """
    torch.manual_seed(seed)
    backend = choose_backend()
    sizes = load_preset(preset).transformer
    encoder = make_audio_encoder(sizes.audio_dim, sizes.audio_layers, sizes.audio_width)
    if init is not None:
        load_matching_weights(encoder, starting_audio_encoder(init))
    save_config(loop.run, sizes.model_dump())
    folder = LatentFolder(data / "train", STREAM)
    check_clips(data, folder.clips[0], sizes, preset)
    heldout = LatentFolder(data / "heldout", STREAM).clips
    readout = LatentProbe.load(data / "readout.safetensors")
    stage = AudioEncoderStage(
        CurveHead(encoder), folder, heldout, readout, batch, (seed, backend.rank)
    )
    return Loop(stage, loop, backend).train()
