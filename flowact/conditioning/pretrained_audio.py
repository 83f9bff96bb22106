"""Sound by a large pretrained network: Whisper's encoder (arXiv 2212.04356) or wav2vec 2.0 (arXiv 2006.11477).

Both look at a whole window of sound at once, so a feature depends on where its window lies. Here the
windows are fixed on the time axis: the twelve frames of every chunk are read from a window of four
seconds that ends a little after them. So a clip in training and a stream that is cut anywhere have the
same features, and a chunk costs one window for each chunk that it can hear.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import torch
import torch.nn.functional as F
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from transformers import (
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperModel,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from flowact.timebase import FPS, FRAMES_PER_CHUNK, SAMPLE_RATE, SAMPLES_PER_FRAME

WINDOW_SECONDS: Final = 4
WINDOW_FRAMES: Final = WINDOW_SECONDS * FPS
FRAMES_AFTER: Final = 4
"""Video frames of sound in a window after those that are read from it: the end of a syllable."""
RATE: Final = 2
"""Features of the networks for every video frame: 50 a second."""

NOT_SIZES: Final = frozenset({"architectures", "dtype", "model_type", "transformers_version"})
"""What a configuration of transformers says besides."""

Kind = Literal["whisper", "wav2vec2"]


class PretrainedAudioFeatures(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """An `AudioFeatures` with weights, which are used and not trained.

    Args:
        kind: `whisper` or `wav2vec2`.
        sizes: configuration of the network as transformers names its fields.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, kind: Kind, sizes: Mapping[str, Any]) -> None:
        super().__init__()
        self.kind = kind
        self.network: Any
        self.prepare: Any
        if kind == "whisper":
            config = WhisperConfig(**{**sizes, "max_source_positions": RATE * WINDOW_FRAMES})
            self.network = WhisperEncoder(config)
            self.prepare = WhisperFeatureExtractor(config.num_mel_bins, chunk_length=WINDOW_SECONDS)
            width = config.d_model
        else:
            self.network = Wav2Vec2Model(Wav2Vec2Config(**sizes))
            self.prepare = Wav2Vec2FeatureExtractor(do_normalize=True)
            width = self.network.config.hidden_size
        self.width = RATE * width

    @classmethod
    def load(cls, kind: Kind, source: str) -> Self:
        """Take the weights of a folder or hub id of transformers, as `openai/whisper-small`."""
        whole: Any
        if kind == "whisper":
            whole = WhisperModel.from_pretrained(source).encoder
        else:
            whole = Wav2Vec2Model.from_pretrained(source)
        told = whole.config.to_diff_dict()
        made: Self = cls(kind, {name: told[name] for name in told.keys() - NOT_SIZES})
        weights, wanted = whole.state_dict(), made.network.state_dict()
        # Whisper's positions are for half a minute; the first of them are those of a window.
        made.network.load_state_dict({n: weights[n][: len(w)] for n, w in wanted.items()})
        return made.eval().requires_grad_(False)

    def span(self, frame: int, frames: int) -> tuple[int, int]:
        """See `AudioFeatures`."""
        first, last = frame // FRAMES_PER_CHUNK, (frame + frames - 1) // FRAMES_PER_CHUNK
        begin = (first + 1) * FRAMES_PER_CHUNK + FRAMES_AFTER - WINDOW_FRAMES
        end = (last + 1) * FRAMES_PER_CHUNK + FRAMES_AFTER
        return begin * SAMPLES_PER_FRAME, end * SAMPLES_PER_FRAME

    def ends(self, frame: int, frames: int) -> Tensor:
        """See `AudioFeatures`: a frame is heard once its own sound is known."""
        return (frame + torch.arange(1, frames + 1)) * SAMPLES_PER_FRAME

    @torch.no_grad()
    def extract(self, samples: Tensor, frame: int, frames: int) -> Tensor:
        """One row `[batch, frames, width]` for every video frame; see `AudioFeatures`."""
        step, length = FRAMES_PER_CHUNK * SAMPLES_PER_FRAME, WINDOW_FRAMES * SAMPLES_PER_FRAME
        windows = samples.unfold(-1, length, step)
        read = WINDOW_FRAMES - FRAMES_AFTER - FRAMES_PER_CHUNK
        rows = self._encode(windows.flatten(0, 1))[:, read : read + FRAMES_PER_CHUNK]
        stream = rows.unflatten(0, windows.shape[:2]).flatten(1, 2)
        skipped = frame % FRAMES_PER_CHUNK
        return stream[:, skipped : skipped + frames]

    def _encode(self, windows: Tensor) -> Tensor:
        """Windows `[n, 64000]` to `[n, 100, width]`."""
        given = self.prepare(
            list(windows.float().cpu().numpy()), sampling_rate=SAMPLE_RATE, return_tensors="pt"
        )
        values = given["input_features" if self.kind == "whisper" else "input_values"]
        hidden = self.network(values.to(self.device, self.dtype)).last_hidden_state
        even = F.interpolate(hidden.float().mT, RATE * WINDOW_FRAMES, mode="linear").mT
        return even.unflatten(1, (WINDOW_FRAMES, RATE)).flatten(2)
