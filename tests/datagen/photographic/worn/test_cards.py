"""Cards share one texture, and follow what they are bound to."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.graphics import layout
from flowact.datagen.photographic.sources.download import RECORD
from flowact.datagen.photographic.sources.library import Library
from flowact.datagen.photographic.worn.cards import bound_layer, pack, teeth_layers, tile
from tests.datagen.photographic.tiny_textures import copy_of


def test_textures_stand_side_by_side_and_uv_find_them() -> None:
    humanoid = Humanoid.load()
    piece = copy_of(humanoid, humanoid.part_mask("tongue"))
    spread = np.random.default_rng(0).uniform(0.1, 0.9, piece.uv.shape).astype(np.float32)
    layer = bound_layer(replace(piece, uv=spread), humanoid, layout.CARD)
    small, large = np.full((4, 4, 4), 0.2, np.float32), np.full((8, 8, 4), 0.9, np.float32)
    picture, layers = pack([(small, layer), (large, layer)])
    assert picture.shape == (8, 12, 4)
    for level, packed in zip((0.2, 0.9), layers, strict=True):
        u, v = np.moveaxis(packed.uv, -1, 0)
        seen = picture[((1 - v) * 8).astype(int), (u * 12).astype(int), 0]
        assert seen == pytest.approx(level)


def test_a_bound_copy_lies_on_its_original_in_every_pose() -> None:
    humanoid = Humanoid.load()
    mask = humanoid.part_mask("teeth_lower")
    layer = bound_layer(copy_of(humanoid, mask), humanoid, layout.TEETH)
    moved = humanoid.template + np.random.default_rng(0).normal(0, 0.1, humanoid.template.shape)
    used = np.unique(humanoid.triangles[mask])
    assert layer.surface @ moved == pytest.approx(moved[used], abs=1e-5)


def test_hidden_vertices_take_their_triangles_with_them() -> None:
    humanoid = Humanoid.load()
    piece = copy_of(humanoid, humanoid.part_mask("lashes"))
    left = piece.template[:, 0] > 0
    kept = piece.without(left)
    assert 0 < len(kept.triangles) < len(piece.triangles)
    assert (kept.template[kept.triangles][..., 0] <= 0).all()
    assert len(kept.uv) == len(kept.triangles)


def test_lower_teeth_turn_with_the_jaw_and_upper_ones_do_not() -> None:
    humanoid = Humanoid.load()
    mask = humanoid.part_mask("teeth_lower") | humanoid.part_mask("teeth_upper")
    upper, lower = teeth_layers(copy_of(humanoid, mask), humanoid)
    assert not upper.jaw and lower.jaw
    assert len(upper.triangles) + len(lower.triangles) == mask.sum()
    height = [layer.template[layer.triangles, 1].mean() for layer in (upper, lower)]
    assert height[0] > height[1] + 0.1


def test_colour_does_not_end_where_opacity_does(tmp_path: Path) -> None:
    card = np.zeros((64, 64, 4), np.uint8)
    card[:, :32] = (200, 40, 40, 255)
    (tmp_path / "teeth").mkdir()
    (tmp_path / RECORD).write_text("{}")
    Image.fromarray(card).save(tmp_path / "teeth" / "x.png")
    small = tile(Library(tmp_path), "teeth/x", 16)
    assert small[4, 12, 3] == 0
    assert small[4, 12, :3] == pytest.approx(small[4, 2, :3])
