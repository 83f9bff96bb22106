"""Silero VAD: how likely a voice is in 32 ms of sound. The weights come in the package's wheel.

The package itself is not imported: it keeps a stream's state inside the model, so that every viewer
would need a copy of it. Here the weights are shared and the state is the caller's. A network of this size
needs no PyTorch, and a server none at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from safetensors.numpy import load_file

from flowact.errors import UserError

Floats = NDArray[np.float32]

WINDOW: Final = 512
"""Samples at 16 kHz of one decision."""
_CONTEXT: Final = 64
_BINS: Final = 129
_STRIDES: Final = (1, 2, 2, 1)
_HOP: Final = 128


class VoiceState(NamedTuple):
    """What is remembered from window to window: the end of the last one, and the recurrence."""

    context: Floats
    hidden: Floats
    cell: Floats

    @classmethod
    def start(cls) -> VoiceState:
        """Return the state before the first window."""
        return cls(np.zeros(_CONTEXT, "f4"), np.zeros(128, "f4"), np.zeros(128, "f4"))


def voice_probability(window: Floats, state: VoiceState) -> tuple[float, VoiceState]:
    """Return how likely it is that somebody speaks in `window [512]`, and the next state."""
    weights = _weights()
    sound = np.concatenate([state.context, window])
    heard = np.pad(sound, (0, _CONTEXT), "reflect")[None]
    x = _convolved(heard, weights["stft_conv.weight"], _HOP)
    x = np.hypot(x[:_BINS], x[_BINS:])
    for number, stride in enumerate(_STRIDES, 1):
        name = f"conv{number}"
        padded = np.pad(x, ((0, 0), (1, 1)))
        bias = weights[f"{name}.bias"][:, None]
        x = np.maximum(_convolved(padded, weights[f"{name}.weight"], stride) + bias, 0)
    hidden, cell = _recurred(x[:, 0], state, weights)
    voice = weights["final_conv.weight"].ravel() @ np.maximum(hidden, 0)
    probability = _sigmoid(voice + weights["final_conv.bias"])
    return float(probability[0]), VoiceState(sound[-_CONTEXT:].copy(), hidden, cell)


def _convolved(x: Floats, weight: Floats, stride: int) -> Floats:
    """Convolve `[inputs, time]` with `weight [outputs, inputs, width]`, without padding."""
    windows = sliding_window_view(x, weight.shape[2], axis=1)[:, ::stride]
    made: Floats = np.tensordot(weight, windows, ((1, 2), (0, 2)))
    return made


def _recurred(x: Floats, state: VoiceState, weights: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """One step of an LSTM cell on `x [128]`: its next hidden values and cell."""
    gates = weights["lstm_cell.weight_ih"] @ x + weights["lstm_cell.bias_ih"]
    gates += weights["lstm_cell.weight_hh"] @ state.hidden + weights["lstm_cell.bias_hh"]
    taken, kept, new, shown = gates.reshape(4, -1)
    cell = _sigmoid(kept) * state.cell + _sigmoid(taken) * np.tanh(new)
    return _sigmoid(shown) * np.tanh(cell), cell


def _sigmoid(x: Floats) -> Floats:
    return np.reciprocal(1 + np.exp(-x))


@cache
def _weights() -> dict[str, Floats]:
    package = find_spec("silero_vad")
    places = package.submodule_search_locations if package is not None else None
    if not places:
        raise UserError("Conversation needs the Python package silero-vad, which is not installed.")
    return load_file(Path(places[0]) / "data" / "silero_vad_16k.safetensors")
