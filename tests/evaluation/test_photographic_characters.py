"""The photo-real people who ship with FlowAct: a card, a voice, and a portrait that is ready to move."""

import json

import numpy as np
import pytest
from PIL import Image

from flowact import assets
from flowact.evaluation.photographic_characters import photographs
from flowact.evaluation.photographs import LEFT_OUT
from flowact.portrait import look_at_portrait

NAMES = sorted(photographs())


def test_there_are_at_least_six_and_none_is_drawn() -> None:
    assert len(NAMES) >= 6
    assert not set(NAMES) & set(assets.drawn_character_names())
    people = {file.split("/")[0] for file in photographs().values()}
    assert len(people) == len(NAMES)
    assert not people & LEFT_OUT


@pytest.mark.parametrize("name", NAMES)
def test_a_card_has_what_a_conversation_needs(name: str) -> None:
    card = json.loads(assets.character(name).card.read_bytes())
    assert card["name"] == name
    assert all(card[key] for key in ("title", "voice", "persona", "greeting"))
    assert card["photograph"]["licence"] == "MIT"


@pytest.mark.parametrize("name", NAMES)
def test_a_portrait_has_nothing_to_complain_of(name: str) -> None:
    picture = np.asarray(Image.open(assets.character(name).portrait).convert("RGB"))
    assert look_at_portrait(picture).notices == ()
