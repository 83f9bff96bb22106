"""Hair grows where hair grows, in every style, and the same seed grows it again."""

import numpy as np
import pytest

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.hair import (
    HAIR_KINDS,
    HairKind,
    HairStyle,
    azimuth,
    hair_layers,
    hairline_distance,
)
from flowact.datagen.appearance.worn_mesh import Layer
from flowact.datagen.graphics.layout import HAIR

CENTRE = np.array([0.0, 7.45, 0.45], np.float32)
CROWN, NOSE, BROW = (0.0, 8.4, 0.4), (0.0, 6.88, 1.66), (0.35, 7.5, 1.4)


@pytest.fixture(scope="module")
def scalp() -> np.ndarray:
    """Triangles of the head without eyes and mouth."""
    humanoid = Humanoid.load()
    skin = humanoid.triangles[humanoid.part_mask("body")]
    corners = humanoid.template[skin]
    return skin[(corners[..., 1] > 6.3).all(1) & (corners[..., 2] < 1.62).all(1)]


def grow(kind: HairKind, scalp: np.ndarray, seed: int = 1) -> list[Layer]:
    return hair_layers(HairStyle(kind), Humanoid.load().template, scalp, seed)


def shown(cap: Layer) -> np.ndarray:
    """Centres [M, 3] of the triangles of a shell that lie above the skin."""
    assert cap.offset is not None
    return cap.template[cap.triangles[(cap.offset[cap.triangles] > 0).all(1)]].mean(1)


def test_azimuth_runs_from_the_forehead_to_the_nape_on_both_sides() -> None:
    around = CENTRE + np.array([[0, 0, 1], [1, 0, 0], [-1, 0, 0], [0, 0, -1]], np.float32)
    assert azimuth(around).tolist() == [0, 90, 90, 180]


def test_the_hairline_lies_between_crown_and_brow() -> None:
    crown, nose, brow = hairline_distance(np.array([CROWN, NOSE, BROW], np.float32))
    assert crown > 0 > brow > nose
    forehead = np.array([0, 7.97, 1.45], np.float32)  # on the line itself
    assert hairline_distance(forehead) == pytest.approx(0, abs=1e-6)


def test_bald_people_wear_nothing(scalp: np.ndarray) -> None:
    assert grow("bald", scalp) == []


@pytest.mark.parametrize("kind", [k for k in HAIR_KINDS if k != "bald"])
def test_every_style_is_a_cap_and_what_hangs_from_it(kind: HairKind, scalp: np.ndarray) -> None:
    cap, *carried = grow(kind, scalp)
    assert len(carried) == (kind in ("bun", "bob", "long"))
    for layer in (cap, *carried):
        assert layer.material == HAIR
        assert layer.triangles.max() < len(layer.template)
        assert layer.strand.shape == (len(layer.template), 2)
        assert (np.linalg.norm(layer.tangent, axis=1) > 0.1).all()
        assert np.isfinite(layer.strand).all()
    assert cap.head is None and cap.surface is not None
    assert np.allclose(cap.surface.sum(1), 1, atol=1e-5)
    assert all(c.surface is None and c.head is not None for c in carried)
    assert all(c.head.min() >= 0 and c.head.max() <= 1 for c in carried if c.head is not None)


@pytest.mark.parametrize("kind", [k for k in HAIR_KINDS if k not in ("bald", "fringe")])
def test_no_cap_covers_the_face(kind: HairKind, scalp: np.ndarray) -> None:
    assert hairline_distance(shown(grow(kind, scalp)[0])).min() > -0.1


def test_a_fringe_hangs_over_the_forehead_and_an_afro_stands_off(scalp: np.ndarray) -> None:
    fringe = shown(grow("fringe", scalp)[0])
    hanging = fringe[hairline_distance(fringe) < -0.2]
    assert len(hanging) > 100
    assert azimuth(hanging).max() < 60
    afro, crop = (grow(kind, scalp)[0].offset for kind in ("afro", "crop"))
    assert afro is not None and crop is not None
    assert afro.max() > 2 * crop.max()


def test_long_hair_hangs_as_low_as_asked(scalp: np.ndarray) -> None:
    template = Humanoid.load().template
    for length in (0.8, 2.0):
        curtain = hair_layers(HairStyle("long", length=length), template, scalp, 1)[1]
        assert curtain.template[:, 1].min() == pytest.approx(7.05 - length, abs=0.12)


def test_the_seed_decides_the_strands(scalp: np.ndarray) -> None:
    first, again, other = (grow("crop", scalp, seed)[0].offset for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
