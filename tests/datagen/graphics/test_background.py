"""Backdrops are soft, reproducible and of the colour that was asked for."""

import numpy as np
import pytest

from flowact.datagen.graphics.background import Background, paint_background

COLOUR = (0.20, 0.30, 0.40)


@pytest.mark.parametrize("kind", ["studio", "room"])
def test_a_backdrop_is_linear_light_fixed_by_its_seed(kind) -> None:
    first, again, other = (
        paint_background(Background(kind, COLOUR, seed), 96) for seed in (5, 5, 6)
    )
    assert first.shape == (96, 96, 3) and first.dtype == np.float32
    assert first.min() >= np.float32(0.01) and first.max() <= np.float32(1.2)
    assert np.array_equal(first, again)
    assert np.abs(first - other).mean() > 0.005


def test_a_studio_is_one_colour_in_changing_light() -> None:
    picture = paint_background(Background("studio", COLOUR, 1), 64)
    light = picture / np.array(COLOUR, np.float32)
    assert np.allclose(light, light[..., :1], rtol=1e-5)
    assert light.max() - light.min() > 0.2


def test_a_room_is_furnished_but_out_of_focus() -> None:
    studio, room = (paint_background(Background(k, COLOUR, 1), 96) for k in ("studio", "room"))
    steps = np.abs(np.diff(room, axis=1))
    assert steps.max() < 0.25  # no edge is sharp
    assert steps.max() > 5 * np.abs(np.diff(studio, axis=1)).max()
    assert np.abs(room - studio).mean() > 0.02


def test_size_scales_the_same_studio() -> None:
    small, large = (paint_background(Background("studio", COLOUR, 2), size) for size in (48, 96))
    assert np.abs(large[::2, ::2] - small).max() < 0.03
