"""Silero VAD: how likely a voice is in 32 ms of sound. The weights come in the package's wheel.

The package itself is not imported: it keeps a stream's state inside the model, so that every viewer
would need a copy of it. Here the weights are shared and the state is the caller's.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from flowact.errors import UserError

WINDOW: Final = 512
"""Samples at 16 kHz of one decision."""
_CONTEXT: Final = 64
_BINS: Final = 129
_STRIDES: Final = (1, 2, 2, 1)


class VoiceState(NamedTuple):
    """What is remembered from window to window: the end of the last one, and the recurrence."""

    context: Tensor
    hidden: Tensor
    cell: Tensor

    @classmethod
    def start(cls) -> VoiceState:
        """Return the state before the first window."""
        return cls(torch.zeros(_CONTEXT), torch.zeros(1, 128), torch.zeros(1, 128))


@torch.inference_mode()
def voice_probability(window: NDArray[np.float32], state: VoiceState) -> tuple[float, VoiceState]:
    """Return how likely it is that somebody speaks in `window [512]`, and the next state."""
    weights = _weights()
    sound = torch.from_numpy(np.ascontiguousarray(window))
    heard = torch.cat([state.context, sound])[None]
    x = F.conv1d(
        F.pad(heard, (0, _CONTEXT), "reflect")[:, None], weights["stft_conv.weight"], stride=128
    )
    x = torch.hypot(x[:, :_BINS], x[:, _BINS:])
    for number, stride in enumerate(_STRIDES, 1):
        name = f"conv{number}"
        x = F.conv1d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, 1).relu()
    hidden, cell = torch.lstm_cell(
        x[..., 0],
        (state.hidden, state.cell),
        *(
            weights[f"lstm_cell.{name}"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ),
    )
    voice = F.conv1d(
        hidden.relu()[..., None], weights["final_conv.weight"], weights["final_conv.bias"]
    )
    return float(voice.sigmoid()), VoiceState(sound[-_CONTEXT:].clone(), hidden, cell)


@cache
def _weights() -> dict[str, Tensor]:
    package = find_spec("silero_vad")
    places = package.submodule_search_locations if package is not None else None
    if not places:
        raise UserError("Conversation needs the Python package silero-vad, which is not installed.")
    return load_file(Path(places[0]) / "data" / "silero_vad_16k.safetensors")
