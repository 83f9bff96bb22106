"""Photographed hair takes any colour and is carried by the head."""

from pathlib import Path

import numpy as np
from PIL import Image

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.hair import HairStyle
from flowact.datagen.photographic.sources.library import Library
from flowact.datagen.photographic.worn.hair import hair_layer, hair_tile
from tests.datagen.photographic.tiny_textures import copy_of

RED = HairStyle("bald", (0.4, 0.05, 0.02), (0.5, 0.08, 0.03))


def striped(folder: Path) -> Library:
    """A card with light and dark strands, half of it empty."""
    strands = np.zeros((64, 64, 4), np.uint8)
    strands[:, ::2, :3], strands[:, 1::2, :3] = 150, 60
    strands[:, :32, 3] = 255
    (folder / "hair").mkdir()
    (folder / "sources.json").write_text("{}")
    Image.fromarray(strands).save(folder / "hair" / "x.png")
    return Library(folder)


def test_a_card_keeps_its_strands_and_takes_the_colour(tmp_path: Path) -> None:
    card = hair_tile("hair/x", RED, striped(tmp_path))
    there, empty = card[:, 40:200], card[:, 300:]
    assert (empty[..., 3] == 0).all()
    assert (there[..., 3] > 0.9).all()
    assert (there[..., 0] > 4 * there[..., 1]).all()
    assert there[..., 0].std() > 0.02


def test_long_hair_follows_the_shoulders_lower_down() -> None:
    humanoid = Humanoid.load()
    piece = copy_of(humanoid, humanoid.part_mask("shirt") | humanoid.part_mask("tongue"))
    layer = hair_layer(piece)
    height = layer.template[:, 1]
    assert layer.head[height > 6.5].min() == 1
    assert layer.head[height < 5.4].max() < 0.5
    assert layer.cut_out
