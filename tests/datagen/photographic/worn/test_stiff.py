"""Glasses sit before the eyes and hats on the skull; both are stiff."""

from dataclasses import replace

import numpy as np
import pytest

from flowact.datagen.appearance.body import Humanoid, Identity
from flowact.datagen.photographic.worn.glasses import Glasses
from flowact.datagen.photographic.worn.hat import HAT_KINDS, Hat

ROUND = Glasses(0.5, 0.4, 2.0, 0.02, (0.1, 0.1, 0.1), 0.2)
EYES = [(0.31, 7.28), (-0.31, 7.28)]


def test_each_lens_is_before_an_eye() -> None:
    (_, frame), (_, lens) = ROUND.cards(Humanoid.load())
    for x, y in EYES:
        near = np.abs(lens.template[:, :2] - (x, y)).max(1) < 0.3
        assert near.sum() > 20
        assert lens.template[near, 2].min() > 1.5  # eyeballs end at 1.39
    assert lens.cut_out and not frame.cut_out
    assert np.abs(frame.template[:, 0]).max() > 0.8  # the temples reach the ears


def test_lenses_have_the_size_and_shape_that_is_asked_for() -> None:
    for corners, share in ((2.0, np.pi / 4), (30.0, 1.0)):
        _, (_, lens) = replace(ROUND, corners=corners).cards(Humanoid.load())
        left = lens.template[lens.template[:, 0] > 0]
        size = np.ptp(left[:, :2], axis=0)
        assert size == pytest.approx((0.5, 0.4), abs=0.02)
        a, b, c = np.moveaxis(lens.template[lens.triangles] * (1, 1, 0), 1, 0)
        area = np.abs(np.cross(b - a, c - a)[:, 2]).sum() / 4
        assert area / (0.5 * 0.4) == pytest.approx(share, abs=0.06)


def test_sunglasses_are_dark_and_plain_ones_nearly_clear() -> None:
    _, (clear, _) = ROUND.cards(Humanoid.load())
    _, (dark, _) = replace(ROUND, tint=0.9).cards(Humanoid.load())
    assert clear[..., 3].mean() < 0.15
    assert dark[..., 3].min() > 0.85
    assert dark[..., :3].max() < 0.05


def test_a_frame_moves_without_bending() -> None:
    humanoid = Humanoid.load()
    (_, frame), _ = ROUND.cards(humanoid)
    rest = humanoid.shape(Identity(gender=0.9, age=0.7)).rest
    moved = frame.surface @ rest + frame.shift
    assert moved - frame.template == pytest.approx(
        np.tile((moved - frame.template)[0], (len(moved), 1)), abs=1e-4
    )


@pytest.mark.parametrize("kind", HAT_KINDS)
def test_a_hat_is_over_the_skull_and_not_over_the_eyes(kind: str) -> None:
    humanoid = Humanoid.load()
    hat = Hat(kind, (0.2, 0.1, 0.1), 7.85, 0)  # type: ignore[arg-type]
    _, layer = hat.card(humanoid)
    skin = humanoid.template[humanoid.part_vertices("body")]
    assert layer.template[:, 1].max() > skin[:, 1].max() + 0.03
    assert layer.template[:, 1].min() > 7.3
    front = layer.template[layer.template[:, 2] > 1.2]
    assert front[:, 1].min() > 7.6
    reach = layer.template[:, 2].max()
    assert (reach > 2.0) == (kind != "beanie")


def test_hair_under_a_hat_is_hidden_and_below_it_is_not() -> None:
    hat = Hat("cap", (0.2, 0.1, 0.1), 7.85, 3)
    assert hat.covers(np.array([0.0, 8.4, 0.5]))
    assert not hat.covers(np.array([0.8, 6.5, 0.3]))


def test_random_ones_repeat_and_few_hide_the_eyes() -> None:
    drawn = [Glasses.random(np.random.default_rng(seed)) for seed in range(150)]
    assert drawn[4] == Glasses.random(np.random.default_rng(4))
    assert 0 < np.mean([g.tint > 0.5 for g in drawn]) < 0.2
    assert Hat.random(np.random.default_rng(1)) == Hat.random(np.random.default_rng(1))
