"""Clips as the transformer trains on them: latents, sound and curves, computed once."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from flowact.conditioning.audio import (
    MEL_AFTER,
    MEL_BEFORE,
    MEL_PER_TOKEN,
    SILENT_MEL,
    log_mel_of_clip,
)
from flowact.conditioning.features import AudioFeatures
from flowact.conditioning.window import (
    FRAMES_BEHIND,
    LATENTS_BEHIND,
    AudioTimeline,
    AudioWindow,
    window_tokens,
)
from flowact.datagen.clip import Clip
from flowact.errors import UserError
from flowact.files import atomic_write
from flowact.motion.arkit import ARKIT, columns
from flowact.pipeline.encode_video import LatentEncoder, encode_video
from flowact.portrait import reference_points
from flowact.streaming.blinks import blink_onsets
from flowact.timebase import FRAMES_PER_LATENT
from flowact.tokenizer.video.adapter import DiffusersVideoTokenizer

_LIDS: Final = columns("eyeBlink")
SPLITS: Final = ("train", "heldout")
RESCAN_SECONDS: Final = 60.0
TENSORS: Final = frozenset({"z", "reference", "mel", "motion", "behaviour"})
HEARD: Final = "heard"
"""The one tensor that not every clip has."""


@dataclass(frozen=True)
class LatentClip:
    """A clip of `n` latents, `4 n` frames.

    Attributes:
        z: latents, float16 `[n, channels, height, width]`.
        reference: latent of the reference picture, float16 `[1, channels, height, width]`.
        mel: log-mel frames, float16 `[16 * n, 80]`.
        motion: ARKit activations, then pose, float16 `[4 * n, 52 + pose]`.
        behaviour: index into `BEHAVIOURS`, uint8 `[4 * n]`.
        meta: what the clip says of itself, and `codec`, the digest of the codec that made its latents.
        heard: features of a pretrained network, float16 `[8 + 4 * n, width]`, from eight frames before
            the clip on; `None` for models that hear log-mel frames.
    """

    z: Tensor
    reference: Tensor
    mel: Tensor
    motion: Tensor
    behaviour: Tensor
    meta: Mapping[str, Any]
    heard: Tensor | None = None

    def __len__(self) -> int:
        """Count the latents."""
        return len(self.z)

    @property
    def curves(self) -> Tensor:
        """ARKit activations `[4 * n, 52]`."""
        return self.motion[:, : len(ARKIT)]

    @property
    def codec(self) -> str:
        """Digest of the codec that made the latents; empty for FlowAct's own."""
        return str(self.meta.get("codec", ""))

    @property
    def blinks(self) -> Tensor:
        """Whether and when the lids fall in each latent, `[n]`; see `streaming.blinks`."""
        return blink_onsets(self.motion[:, _LIDS].float().mean(1))

    def shortened(self, latents: int) -> Self:
        """The first latents of the clip, with what they show; the sound stays whole."""
        frames = latents * FRAMES_PER_LATENT
        return replace(self, z=self.z[:latents], motion=self.motion[:frames])

    def window(self, latent: int, stream_latents: int) -> AudioWindow:
        """Cut the sound round a stream; it is silent before the clip and unknown after."""
        if self.heard is not None:
            return self._heard_window(self.heard, latent, window_tokens(stream_latents))
        first = (latent - LATENTS_BEHIND) * FRAMES_PER_LATENT
        tokens = window_tokens(stream_latents)
        begin = first * MEL_PER_TOKEN - MEL_BEFORE
        end = (first + tokens) * MEL_PER_TOKEN + MEL_AFTER
        inside = self.mel[max(begin, 0) : end].float()
        before = max(-begin, 0)
        margins = (0, 0, before, end - begin - before - len(inside))
        last = (first + torch.arange(1, tokens + 1)) * MEL_PER_TOKEN + MEL_AFTER
        return AudioWindow(
            F.pad(inside, margins, value=SILENT_MEL)[None], last[None] <= len(self.mel)
        )

    @staticmethod
    def _heard_window(heard: Tensor, latent: int, tokens: int) -> AudioWindow:
        first = latent * FRAMES_PER_LATENT
        inside = heard[first : first + tokens].float()
        rows = F.pad(inside, (0, 0, 0, tokens - len(inside)))
        return AudioWindow(rows[None], (torch.arange(tokens) < len(inside))[None])

    def save(self, path: Path) -> None:
        """Write the clip so that a reader sees the whole file or none."""
        tensors = {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}
        with atomic_write(path) as temporary:
            save_file(tensors, temporary, metadata={"meta": json.dumps(dict(self.meta))})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote."""
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            meta = json.loads(file.metadata()["meta"])
        if tensors.keys() - {HEARD} != TENSORS:
            raise UserError(f"{path} is no encoded clip of this version; make it anew.")
        return cls(**tensors, meta=meta)


class LatentFolder:
    """The clips of a folder, in memory; new files are noticed once a minute."""

    def __init__(self, folder: Path, shortest: int = 1) -> None:
        self.folder, self.shortest = folder, shortest
        self.clips: list[LatentClip] = []
        self._known: set[Path] = set()
        self._scanned = -RESCAN_SECONDS
        self.rescan()
        if not self.clips:
            raise UserError(f"{folder} holds no encoded clips of at least {shortest} latents.")

    def rescan(self) -> None:
        """Load files that appeared since the last look, at most once a minute."""
        if time.monotonic() - self._scanned < RESCAN_SECONDS:
            return
        self._scanned = time.monotonic()
        for path in sorted(set(self.folder.glob("*.safetensors")) - self._known):
            self._known.add(path)
            clip = LatentClip.load(path)
            if len(clip) >= self.shortest:
                self._check_codec(path, clip)
                self.clips.append(clip)

    def _check_codec(self, path: Path, clip: LatentClip) -> None:
        """Latents of two codecs mean different pictures, and no transformer can learn both."""
        first = self.clips[0] if self.clips else clip
        if clip.z.shape[1:] != first.z.shape[1:] or clip.codec != first.codec:
            raise UserError(f"{path} was made by another codec than the other clips beside it.")


Fit = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
"""Latents, their frames, the reference and its landmarks to better latents; see `fit_latents`."""


@dataclass(frozen=True)
class ClipEncoding:
    """How clips are encoded.

    Attributes:
        tokenizer: makes their latents.
        digest: of the tokenizer, kept in every clip; empty for FlowAct's own.
        fit: improves what the tokenizer found.
        audio: hears for the model; `None` if it hears log-mel frames.
    """

    tokenizer: LatentEncoder
    digest: str = ""
    fit: Fit | None = None
    audio: AudioFeatures | None = None


@torch.no_grad()
def encode_clip(how: ClipEncoding, clip: Clip, latents_at_once: int = 8) -> LatentClip:
    """Encode a rendered clip with a frozen tokenizer."""
    reference = _pixels(clip.reference_image()[None])
    held = reference.expand(FRAMES_PER_LATENT, -1, -1, -1)[None]
    still, z = _latents(how.tokenizer, clip, reference, held, latents_at_once)
    if how.fit is not None:
        frames = _pixels(clip.pictures(slice(0, len(clip))))[None]
        points = reference_points(reference)
        still = how.fit(still, held, reference, points)
        z = how.fit(z, frames, reference, points)
    samples = torch.from_numpy(clip.audio.astype(np.float32) / 32768)
    return LatentClip(
        z=z[0].half().contiguous(),
        reference=still[0].half().contiguous(),
        mel=log_mel_of_clip(samples[None])[0].half(),
        motion=torch.from_numpy(np.concatenate([clip.curves, clip.pose.reshape(len(clip), -1)], 1)),
        behaviour=torch.from_numpy(np.array(clip.behaviour)),
        meta={**clip.meta, **({"codec": how.digest} if how.digest else {})},
        heard=_heard(how.audio, samples, len(clip)) if how.audio else None,
    )


def _latents(
    tokenizer: LatentEncoder, clip: Clip, reference: Tensor, held: Tensor, latents_at_once: int
) -> tuple[Tensor, Tensor]:
    """Latents of the portrait `[1, 1, ...]` and of the frames `[1, n, ...]`.

    An autoencoder of diffusers sees the clip as one video behind the portrait, piece by piece in its own
    causal cache; FlowAct's own encoder looks at every frame alone.
    """
    if isinstance(tokenizer, DiffusersVideoTokenizer):
        frames = _pixels(clip.pictures(slice(0, len(clip))))[None]
        still = tokenizer.reference_features(reference).latent[:, None]
        return still, tokenizer.encode(frames, reference)
    span = latents_at_once * FRAMES_PER_LATENT
    parts = [
        encode_video(tokenizer, _pixels(clip.pictures(slice(start, start + span)))[None], reference)
        for start in range(0, len(clip), span)
    ]
    return tokenizer.encode(held, reference), torch.cat(parts, 1)


def _heard(audio: AudioFeatures, samples: Tensor, frames: int) -> Tensor:
    """Features of a clip's sound as a stream would have them, `[8 + frames, width]`."""
    timeline = AudioTimeline.empty().push(samples)
    rows = timeline.features(-FRAMES_BEHIND, FRAMES_BEHIND + frames, audio)
    return rows[0].half().cpu().contiguous()


def encode_folders(how: ClipEncoding, clips: Path, latents: Path) -> int:
    """Encode the clips of `clips/train` and `clips/heldout` that `latents` lacks; count them."""
    made = 0
    for split in SPLITS:
        for source in sorted((clips / split).glob("*.npz")):
            target = latents / split / f"{source.stem}.safetensors"
            if not target.exists():
                encode_clip(how, Clip.load(source)).save(target)
                made += 1
    return made


def _pixels(pictures: np.ndarray[Any, Any]) -> Tensor:
    """Turn uint8 `[n, 480, 480, 3]` into float32 `[n, 3, 480, 480]` in -1..1."""
    return torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).float() / 127.5 - 1
