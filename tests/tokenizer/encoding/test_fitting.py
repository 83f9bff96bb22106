"""Fitted latents: closer to the frames, window after window, from any start."""

import pytest
import torch
from torch import Tensor

from flowact.tokenizer.encoding import fitting
from flowact.tokenizer.encoding.fitting import fit_latents
from flowact.tokenizer.tokenizer import Tokenizer


def motion(latents: int) -> Tensor:
    return torch.randn(1, 4 * latents, 106, generator=torch.Generator().manual_seed(2))


def shown(tokenizer: Tokenizer, z: Tensor, portrait: Tensor) -> Tensor:
    with torch.no_grad():
        features = tokenizer.reference_features(portrait)
        frames, _ = tokenizer.decode(tokenizer.initial_state(features), z, features, exact=True)
    return frames


def test_fitted_latents_show_what_was_to_be_shown(tokenizer: Tokenizer, portrait: Tensor) -> None:
    frames = shown(tokenizer, tokenizer.motion_to_latents(motion(1)), portrait)
    start = tokenizer.motion_to_latents(torch.zeros(1, 4, 106))

    def error(z: Tensor) -> float:
        return float((shown(tokenizer, z, portrait) - frames).square().mean())

    assert error(fit_latents(tokenizer, start, frames, portrait)) < 0.2 * error(start)
    assert fit_latents(tokenizer, start, frames, portrait, steps=0) is start


def test_later_windows_do_not_change_earlier_ones_and_begin_where_they_ended(
    tokenizer: Tokenizer, portrait: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "WINDOW", 1)
    frames = shown(tokenizer, tokenizer.motion_to_latents(motion(2)), portrait)
    start = tokenizer.motion_to_latents(torch.zeros(1, 8, 106))
    with torch.no_grad():  # as a caller that only encodes may be
        both = fit_latents(tokenizer, start, frames, portrait, steps=2)
    first = fit_latents(tokenizer, start[:, :1], frames[:, :4], portrait, steps=2)
    assert torch.equal(both[:, :1], first)
    alone = fit_latents(tokenizer, start[:, 1:], frames[:, 4:], portrait, steps=2)
    assert not torch.equal(both[:, 1:], alone)


def test_lengths_that_do_not_fit_are_named(tokenizer: Tokenizer, portrait: Tensor) -> None:
    z, frames = tokenizer.motion_to_latents(motion(1)), torch.zeros(1, 8, 3, 480, 480)
    with pytest.raises(ValueError, match="8 frames and 1 latents"):
        fit_latents(tokenizer, z, frames, portrait)
