"""Paint lands on the part of the face that it is for, and nowhere else."""

from dataclasses import replace

import numpy as np
import pytest

from flowact.datagen.appearance.skin import SkinCanvas, SkinStyle, paint_skin

SIZE = 128
LEFT, RIGHT, BOTTOM, TOP = -0.9, 0.9, 5.9, 8.4
PLAIN = SkinStyle(blush=0.0)


def texel(x: float, y: float) -> tuple[int, int]:
    """Row and column of the canvas at a template position."""
    row = (TOP - y) / (TOP - BOTTOM) * (SIZE - 1)
    return round(row), round((x - LEFT) / (RIGHT - LEFT) * (SIZE - 1))


@pytest.fixture(scope="module")
def canvas() -> SkinCanvas:
    """A flat face, all of it at the depth of the cheeks."""
    x, y = np.meshgrid(np.linspace(LEFT, RIGHT, SIZE), np.linspace(TOP, BOTTOM, SIZE))
    position = np.stack([x, y, np.full_like(x, 1.3)], -1).astype(np.float32)
    lips = ((np.abs(x) < 0.25) & (np.abs(y - 6.61) < 0.06)).astype(np.float32)
    mouth = ((np.abs(x) < 0.05) & (np.abs(y - 6.0) < 0.05)).astype(np.float32)
    return SkinCanvas(position, lips, mouth)


def changed(canvas: SkinCanvas, style: SkinStyle) -> np.ndarray:
    """How much darker [H, W] a style makes plain skin."""
    before, after = paint_skin(canvas, PLAIN, 3), paint_skin(canvas, style, 3)
    return (before - after)[..., :3].sum(-1)


def test_albedo_is_physical_and_the_seed_fixes_the_texture(canvas: SkinCanvas) -> None:
    first, again, other = (paint_skin(canvas, PLAIN, seed) for seed in (3, 3, 4))
    assert first.shape == (SIZE, SIZE, 4)
    assert first[..., :3].min() >= np.float32(0.002)
    assert first[..., :3].max() <= np.float32(0.95)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_lips_and_mouth_take_their_own_colours(canvas: SkinCanvas) -> None:
    style = replace(PLAIN, lips=(0.2, 0.5, 0.8))
    painted = paint_skin(canvas, style, 3)
    lip, cheek = painted[texel(0.0, 6.60)], painted[texel(0.5, 6.6)]
    assert lip[2] > lip[1] > lip[0]
    assert cheek[0] > cheek[1] > cheek[2]
    assert lip[3] > cheek[3]  # lips are glossier
    assert painted[texel(0.0, 6.0)][:3] == pytest.approx((0.10, 0.018, 0.018), abs=1e-6)


@pytest.mark.parametrize(
    ("style", "here", "elsewhere"),
    [
        (replace(PLAIN, beard=1.0), (0.45, 6.3), (0.0, 7.8)),
        (replace(PLAIN, moustache=1.0), (0.1, 6.73), (0.45, 6.3)),
        (replace(PLAIN, age=1.0), (0.0, 7.82), (0.7, 7.0)),
        (replace(PLAIN, makeup=1.0), (0.31, 7.37), (0.0, 7.8)),
        (replace(PLAIN, blush=1.0), (0.44, 6.95), (0.0, 7.8)),
        (replace(PLAIN, scalp_cover=1.0), (0.0, 8.2), (0.0, 7.0)),
    ],
    ids=["beard", "moustache", "age", "makeup", "blush", "scalp"],
)
def test_each_amount_darkens_its_own_place(
    canvas: SkinCanvas,
    style: SkinStyle,
    here: tuple[float, float],
    elsewhere: tuple[float, float],
) -> None:
    difference = changed(canvas, style)
    row, column = texel(*here)
    assert difference[row - 2 : row + 3, column].max() > 0.05  # a wrinkle is one texel thin
    assert abs(difference[texel(*elsewhere)]) < 0.01


def test_freckles_are_spots_on_nose_and_cheeks(canvas: SkinCanvas) -> None:
    # They draw from the generator, so what follows them changes too: compare the skin around the nose.
    spots = changed(canvas, replace(PLAIN, freckles=1.0))
    rows, columns = slice(texel(0, 7.1)[0], texel(0, 6.9)[0]), slice(40, 88)
    nose, forehead = spots[rows, columns], spots[texel(0, 7.7)[0], columns]
    assert nose.max() > 0.15
    assert 0.01 < (nose > 0.05).mean() < 0.5
    assert np.abs(forehead).max() < 0.05


def test_brows_are_two_dark_arches(canvas: SkinCanvas) -> None:
    painted = paint_skin(canvas, replace(PLAIN, brow_weight=1.0), 3)[..., :3].sum(-1)
    column = texel(0.35, 7.5)[1]
    above_the_eye = painted[texel(0, 7.7)[0] : texel(0, 7.42)[0], column]
    between = painted[texel(0.0, 7.54)]
    assert above_the_eye.min() < 0.5 * between
    mirrored = painted[texel(0, 7.7)[0] : texel(0, 7.42)[0], SIZE - 1 - column]
    assert mirrored.min() < 0.5 * between
