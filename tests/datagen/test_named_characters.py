"""The people who ship with FlowAct load, survive JSON, and have the portraits they need."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from flowact import assets
from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.character import CharacterDesign
from flowact.datagen.appearance.clothing import GARMENT_KINDS
from flowact.datagen.appearance.hair import HAIR_KINDS
from flowact.datagen.named_characters import named_characters, read_look
from flowact.timebase import FRAME_SIZE

NAMES = ["amara", "ingrid", "kenji", "mira", "omar", "sofia", "theo", "walter"]


def card(name: str) -> dict:
    return json.loads((assets.folder() / "characters" / name / "character.json").read_text())


def test_all_eight_load_and_differ() -> None:
    people = named_characters()
    assert sorted(people) == NAMES
    assert len(set(people.values())) == 8
    assert [card(name)["name"] for name in NAMES] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_json_round_trip(name: str) -> None:
    character = named_characters()[name]
    again = read_look(json.loads(json.dumps(asdict(character))))
    assert isinstance(again, CharacterDesign)
    assert again == character
    assert hash(again) == hash(character)  # no list is left anywhere


@pytest.mark.parametrize("name", NAMES)
def test_cards_name_what_the_renderer_knows(name: str) -> None:
    character = named_characters()[name]
    assert character.hair.kind in HAIR_KINDS
    assert character.garment.kind in GARMENT_KINDS
    assert sum(character.identity.race) == pytest.approx(1)
    assert {target for target, _ in character.identity.local} <= set(Humanoid.load().target_names)


@pytest.mark.parametrize("name", NAMES)
def test_portraits_fill_the_frame_of_the_model(name: str) -> None:
    with Image.open(assets.character(name).portrait) as portrait:
        assert portrait.size == (FRAME_SIZE, FRAME_SIZE) == (480, 480)
        assert portrait.mode == "RGB"
        assert np.asarray(portrait).std() > 20


def test_unknown_fields_are_refused() -> None:
    look = card("mira")["look"]
    with pytest.raises(TypeError, match="moustache"):
        read_look({**look, "hair": {**look["hair"], "moustache": 1.0}})
    with pytest.raises(TypeError, match="hat"):
        read_look({**look, "hat": "bowler"})
