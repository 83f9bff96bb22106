"""Our landmarks of the bundled portraits lie where a judge that nobody here trained sees them."""

import numpy as np

from flowact.evaluation.measures.portrait_landmarks import GROUPS, compare_landmarks
from flowact.motion.face_points import POINT
from tests.evaluation.conftest import portrait


def test_every_point_that_is_compared_has_a_name_of_ours():
    assert {name for group in GROUPS.values() for name in group} <= POINT.keys()


def test_the_named_portraits_are_found_and_agree(panel):
    found = compare_landmarks(map(portrait, ("mira", "omar", "amara")), panel.faces)
    assert found["photographs"] == 3 and found["found"] == 1
    assert all(found[name] < 6 for name in ("error", *GROUPS)), found


def test_a_look_from_near_brings_the_eyes_nearer(panel):
    found = compare_landmarks(map(portrait, ("mira", "elena", "finn")), panel.faces)
    for name in ("eye_corners", "lids"):
        assert found[name] < found[f"{name}_at_first"], found


def test_a_picture_without_a_face_counts_for_nobody(panel):
    nothing = np.full((300, 300, 3), 90, np.uint8)
    found = compare_landmarks([nothing, portrait("mira")], panel.faces)
    assert found["photographs"] == 1
