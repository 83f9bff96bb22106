"""A beard grows where beards grow, moves with the jaw, and leaves the lips bare."""

import numpy as np
import pytest

from flowact.datagen.appearance.body import Humanoid, Identity
from flowact.datagen.appearance.skin import SkinStyle
from flowact.datagen.appearance.worn_mesh import Layer
from flowact.datagen.photographic.worn.beard import beard_card
from flowact.motion.arkit import ARKIT

FULL = SkinStyle(beard=1.0, moustache=1.0)


def grown(style: SkinStyle, length: float = 0.2, seed: int = 0) -> tuple[np.ndarray, Layer]:
    return beard_card(Humanoid.load(), style, length, np.random.default_rng(seed))


def roots(layer: Layer) -> np.ndarray:
    """Where tufts begin: the middles of the first two vertices of every six."""
    strips = layer.template.reshape(-1, 6, 3)
    return strips[:, :2].mean(1)


def test_a_full_beard_covers_chin_cheeks_and_upper_lip() -> None:
    at = roots(grown(FULL)[1])
    assert len(at) > 800
    chin = (np.abs(at[:, 0]) < 0.2) & (at[:, 1] < 6.4)
    lip = (np.abs(at[:, 0]) < 0.2) & (np.abs(at[:, 1] - 6.73) < 0.08)
    cheek = (np.abs(at[:, 0]) > 0.4) & (at[:, 1] < 6.7)
    assert min(chin.sum(), lip.sum(), cheek.sum()) > 40
    assert at[:, 1].max() < 7.2
    assert at[:, 2].min() > 0.2


def test_a_moustache_alone_stays_on_the_lip() -> None:
    at = roots(grown(SkinStyle(moustache=1.0))[1])
    assert len(at) > 30
    assert (at[:, 1] > 6.3).all() and (at[:, 1] < 6.9).all()


def test_length_is_in_decimetres_and_hair_hangs_down() -> None:
    for length in (0.1, 0.3):
        strips = grown(FULL, length)[1].template.reshape(-1, 6, 3)
        reach = strips[:, 4:].mean(1) - strips[:, :2].mean(1)
        low = strips[:, 0, 1] < 6.4
        assert np.linalg.norm(reach[low], axis=1).mean() == pytest.approx(0.95 * length, rel=0.15)
        assert (reach[low, 1] < 0).mean() > 0.9


def test_the_chin_takes_its_beard_along() -> None:
    humanoid = Humanoid.load()
    body, layer = humanoid.shape(Identity()), grown(FULL)[1]
    curves = np.zeros(len(ARKIT), np.float32)
    shut = layer.surface @ body.pose(curves, body.rest_pose())
    curves[ARKIT.index("jawOpen")] = 1.0
    opened = layer.surface @ body.pose(curves, body.rest_pose())
    fall = (shut - opened)[:, 1].reshape(-1, 6).mean(1)
    at = roots(layer)
    chin = (np.abs(at[:, 0]) < 0.15) & (at[:, 1] < 6.4) & (at[:, 2] > 1.2)
    lip = (np.abs(at[:, 0]) < 0.15) & (at[:, 1] > 6.7)
    assert fall[chin].mean() > 0.2
    assert np.abs(fall[lip]).mean() < 0.05


def test_the_tuft_is_thin_and_of_the_style_s_colour() -> None:
    tile = grown(SkinStyle(beard=1.0, brows=(0.4, 0.1, 0.05)))[0]
    assert 0.1 < (tile[..., 3] > 0.5).mean() < 0.7
    hair = tile[tile[..., 3] > 0.5]
    assert (hair[:, 0] > 2 * hair[:, 1]).all()


def test_the_same_seed_grows_the_same_beard() -> None:
    first, again, other = (grown(FULL, seed=seed)[1].template for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
