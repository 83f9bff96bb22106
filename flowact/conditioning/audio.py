"""Sound as the transformer hears it: log-mel frames at 100 Hz, then one token per video frame.

Every mel frame depends on its own 400 samples only and every token on its own 16 mel frames only,
so cutting a stream of sound into pieces changes nothing. A token looks ahead 27.5 ms past its video
frame: two mel frames, and what the last one's window reaches beyond its hop.
"""

import math
from functools import cache
from itertools import cycle, islice
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flowact.timebase import SAMPLE_RATE, SAMPLES_PER_FRAME

MEL_BINS: Final = 80
HOP: Final = 160
"""Samples between mel frames (10 ms)."""
WINDOW: Final = 400
MARGIN: Final = (WINDOW - HOP) // 2
"""Samples that a mel frame needs before and after its own hop."""

MEL_PER_TOKEN: Final = SAMPLES_PER_FRAME // HOP
MEL_BEFORE: Final = 10
MEL_AFTER: Final = 2
"""Mel frames that the encoder needs before the first and after the last token's own four."""

POWER_FLOOR: Final = 1e-6
DILATIONS: Final = (1, 2, 1, 4, 1, 2, 4, 1, 2, 1)
"""Of the convolutions along the tokens, from the first on."""
SILENT_MEL: Final = math.log10(POWER_FLOOR) / 2 + 1
"""Every bin of a mel frame of digital silence."""


def log_mel(samples: Tensor) -> Tensor:
    """Log-mel frames of exactly the given samples, without padding.

    Args:
        samples: `[batch, n]` mono at 16 kHz in [-1, 1], `n >= 400`. To get the frames of the hops
            `a` to `b`, give the samples from `160 * a - 120` to `160 * b + 120`.

    Returns:
        `[batch, (n - 400) // 160 + 1, 80]`, from -2 (silence) to about 2.

    Raises:
        ValueError: if there are fewer than 400 samples.
    """
    if samples.shape[-1] < WINDOW:
        raise ValueError(f"{samples.shape[-1]} samples; a mel frame needs {WINDOW}")
    window = torch.hann_window(WINDOW, device=samples.device)
    spectrum = torch.stft(
        samples.float(), WINDOW, HOP, window=window, center=False, return_complex=True
    )
    mel = spectrum.abs().square().transpose(1, 2) @ mel_filters().to(samples.device)
    return mel.clamp(min=POWER_FLOOR).log10() / 2 + 1


def log_mel_of_clip(samples: Tensor) -> Tensor:
    """Return all mel frames `[batch, n // 160, 80]` of clips `[batch, n]`, with silence around."""
    return log_mel(F.pad(samples, (MARGIN, MARGIN)))


@cache
def mel_filters() -> Tensor:
    """Triangular filters of equal area on Slaney's mel scale, `[201, 80]`, 0 to 8000 Hz.

    Equals `librosa.filters.mel(sr=16000, n_fft=400, n_mels=80).T`.
    """
    nyquist = SAMPLE_RATE / 2
    edges = _mel_to_hertz(torch.linspace(0, _hertz_to_mel(nyquist), MEL_BINS + 2).double())
    bins = torch.linspace(0, nyquist, WINDOW // 2 + 1, dtype=torch.float64)[:, None]
    widths = edges.diff()
    rising = (bins - edges[:-2]) / widths[:-1]
    falling = (edges[2:] - bins) / widths[1:]
    triangles = torch.minimum(rising, falling).clamp(min=0)
    return (triangles * 2 / (edges[2:] - edges[:-2])).float()


# Slaney's scale: linear to 1 kHz (15 mel), then 27 mel for each factor of 6.4.
_LINEAR_HERTZ: Final = 1000.0
_LINEAR_MEL: Final = 15.0
_LOG_STEP: Final = math.log(6.4) / 27


def _hertz_to_mel(hertz: float) -> float:
    return _LINEAR_MEL + math.log(hertz / _LINEAR_HERTZ) / _LOG_STEP


def _mel_to_hertz(mel: Tensor) -> Tensor:
    linear = mel * _LINEAR_HERTZ / _LINEAR_MEL
    return torch.where(
        mel < _LINEAR_MEL, linear, _LINEAR_HERTZ * ((mel - _LINEAR_MEL) * _LOG_STEP).exp()
    )


class TokenConv(nn.Conv1d):
    """A convolution along tokens, as one product, which is twice as fast at these sizes."""

    @property
    def geometry(self) -> tuple[int, int, int]:
        """Length of the kernel, step between its taps, and tokens of zeros at each end."""
        return self.kernel_size[0], self.dilation[0], int(self.padding[0])

    def as_product(self) -> Tensor:
        """The weights as a matrix `[dim, kernel * dim]` for what `neighbours` gives."""
        return self.weight.transpose(1, 2).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, tokens, dim]` to the same."""
        return F.linear(neighbours(x, *self.geometry), self.as_product(), self.bias)


def neighbours(x: Tensor, kernel: int, step: int, reach: int) -> Tensor:
    """The tokens under a kernel side by side: `[batch, tokens, dim]` to `[batch, tokens, kernel * dim]`."""
    padded = F.pad(x, (0, 0, reach, reach))
    count = padded.shape[1] - (kernel - 1) * step
    return torch.cat([padded[:, i * step : i * step + count] for i in range(kernel)], -1)


class Mixing(nn.Module):
    """A residual convolution along the tokens; it begins as the identity.

    Attributes:
        dropout: nothing is dropped unless training asks for it.
    """

    def __init__(self, dim: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.near = TokenConv(dim, dim, kernel_size=3, padding=dilation, dilation=dilation)
        self.dropout = nn.Dropout(0.0)
        self.out = TokenConv(dim, dim, kernel_size=1)
        for values in self.out.parameters():
            nn.init.zeros_(values)

    def forward(self, x: Tensor) -> Tensor:
        """`[batch, tokens, dim]` to the same."""
        mixed: Tensor = self.out(self.dropout(F.gelu(self.near(self.norm(x)))))
        return x + mixed


class AudioEncoder(nn.Module):
    """Log-mel frames to one token per video frame, by convolutions.

    The first ones turn the sound of a frame into its token, the others let tokens hear their
    neighbours, as lips prepare a sound before it comes. Tokens of sound that is not known yet, or
    that guidance shall ignore, are a learned vector.
    """

    def __init__(self, dim: int, layers: int = 4, width: int = 160) -> None:
        """Make one that gives tokens of `dim` values through `layers` convolutions along them."""
        super().__init__()
        self.unknown = nn.Parameter(torch.randn(dim) * 0.02)
        self.frames = nn.Conv1d(MEL_BINS, width, kernel_size=5)
        self.join = nn.Conv1d(width, dim, kernel_size=MEL_PER_TOKEN, stride=MEL_PER_TOKEN)
        self.context = nn.Conv1d(dim, dim, kernel_size=3)
        self.mixing = nn.Sequential(
            *(Mixing(dim, dilation) for dilation in islice(cycle(DILATIONS), layers))
        )

    def forward(self, mel: Tensor, known: Tensor) -> Tensor:
        """Encode a window of sound.

        Args:
            mel: `[batch, 10 + 4 * tokens + 2, 80]`, the frames of the tokens with their margins.
            known: `[batch, tokens]` bool, which tokens may be heard.

        Returns:
            `[batch, tokens, dim]`.

        Raises:
            ValueError: if the two lengths do not fit.
        """
        expected = MEL_BEFORE + MEL_PER_TOKEN * known.shape[1] + MEL_AFTER
        if mel.shape[1:] != (expected, MEL_BINS):
            raise ValueError(
                f"mel window {tuple(mel.shape[1:])}; {known.shape[1]} tokens need "
                f"({expected}, {MEL_BINS})"
            )
        x = mel.to(self.unknown.dtype).transpose(1, 2)
        x = F.gelu(self.frames(x))
        x = self.context(F.gelu(self.join(x))).transpose(1, 2)
        unknown = self.unknown.to(x.dtype)
        x = self.mixing(torch.where(known[..., None], x, unknown))
        return torch.where(known[..., None], x, unknown)
