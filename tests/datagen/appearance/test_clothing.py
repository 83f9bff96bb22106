"""Garments end at their necklines and sleeves, and the same seed folds them alike."""

import numpy as np
import pytest

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.clothing import (
    GARMENT_KINDS,
    Garment,
    GarmentKind,
    garment_layers,
    neckline,
)
from flowact.datagen.appearance.worn_mesh import Layer
from flowact.datagen.graphics.layout import CLOTH

THROAT, NAPE = np.array([[0.0, 5.9, 1.0]], np.float32), np.array([[0.0, 5.9, -0.5]], np.float32)


def sew(garment: Garment, seed: int = 1) -> list[Layer]:
    humanoid = Humanoid.load()
    torso = humanoid.triangles[humanoid.part_mask("shirt")]
    return garment_layers(garment, humanoid.template, torso, seed)


def shown(shell: Layer) -> np.ndarray:
    """Centres [M, 3] of the triangles that lie above the skin."""
    assert shell.offset is not None
    return shell.template[shell.triangles[(shell.offset[shell.triangles] > 0).all(1)]].mean(1)


@pytest.mark.parametrize(
    ("kind", "throat", "nape"),
    [
        ("turtleneck", 6.02, 6.08),
        ("crew", 5.63, 5.95),
        ("scoop", 5.31, 5.93),
        ("v_neck", 5.16, 5.92),
        ("shirt", 5.71, 5.97),
        ("blazer", 5.71, 5.97),
    ],
)
def test_necklines_at_throat_and_nape(kind: GarmentKind, throat: float, nape: float) -> None:
    assert neckline(kind, THROAT)[0] == pytest.approx(throat, abs=1e-5)
    assert neckline(kind, NAPE)[0] == pytest.approx(nape, abs=1e-5)


def test_a_v_neck_opens_like_a_v() -> None:
    across = np.array([[x, 5.5, 1.0] for x in (-0.4, -0.2, 0.0, 0.2, 0.4)], np.float32)
    left2, left, middle, right, right2 = neckline("v_neck", across)
    assert left - middle == pytest.approx(0.23, abs=1e-5)
    assert (left, left2) == pytest.approx((right, right2))
    assert left2 - left == pytest.approx(left - middle, abs=1e-5)


def test_drawings_of_the_cloth_material() -> None:
    drawings = [Garment(pattern=p).drawing for p in ("plain", "stripes", "checks")]
    assert drawings == [0, 1, 2]
    assert Garment("blazer", "stripes").drawing == 3  # a jacket is drawn open, whatever its cloth


@pytest.mark.parametrize("kind", GARMENT_KINDS)
def test_a_garment_is_a_shell_below_its_neckline(kind: GarmentKind) -> None:
    shell, *collar = sew(Garment(kind))
    assert len(collar) == (kind in ("shirt", "blazer"))
    assert shell.material == CLOTH
    assert shell.surface is not None and shell.head is None
    assert np.allclose(shell.surface.sum(1), 1, atol=1e-5)
    centres = shown(shell)
    assert (centres[:, 1] - neckline(kind, centres)).max() < 0.05
    for layer in collar:
        assert layer.material == CLOTH and layer.surface is None
        assert (layer.head == 0).all()  # follows the chest
        assert (layer.strand[:, 0] == 1).all()  # the mark by which the shader knows it


def test_short_sleeves_end_above_the_elbow() -> None:
    reach = {s: np.abs(shown(sew(Garment(short_sleeves=s))[0])[:, 0]).max() for s in (True, False)}
    assert reach[True] == pytest.approx(2.8, abs=0.1)
    assert reach[False] > 4


def test_the_seed_decides_the_folds() -> None:
    first, again, other = (sew(Garment(), seed)[0].offset for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
