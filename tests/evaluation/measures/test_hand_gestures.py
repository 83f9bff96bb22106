"""Somebody talks while the hand is up, and shares of frames become a ratio."""

import numpy as np
import pytest

from flowact.datagen.performance.behaviours import BEHAVIOURS
from flowact.evaluation.measures.hand_gestures import FIRST, GESTURES, Gesture, act, summary

BLACK = np.zeros((480, 480, 3), np.uint8)


@pytest.mark.parametrize("behaviour", GESTURES)
def test_a_gesture_lasts_as_long_as_the_performance(behaviour: str) -> None:
    performance = act(behaviour, 0)
    assert len(performance.curves) == 96
    assert (performance.behaviour[FIRST:] == BEHAVIOURS.index(behaviour)).all()
    assert np.abs(performance.audio).max() > 0.01
    assert act(behaviour, 0).pose.tolist() == performance.pose.tolist()


def test_hands_found_are_over_those_of_the_rendering() -> None:
    def found(behaviour: str, rendered: list[int], generated: list[int]) -> Gesture:
        truth, made = (np.array(flags, bool) for flags in (rendered, generated))
        return Gesture("mira", behaviour, truth, made, (BLACK, BLACK))

    made = [
        found("waving", [1, 1, 1, 1], [1, 0, 0, 0]),
        found("waving", [1, 1, 0, 0], [0, 0, 0, 0]),
        found("pointing", [0, 0, 0, 0], [0, 0, 0, 0]),
        found("thumbs_up", [1, 1, 1, 1], [1, 1, 1, 1]),
    ]
    shares = summary(made)
    assert shares["waving"] == {"rendered": 0.75, "generated": 0.125, "hands": 1 / 6}
    assert np.isnan(shares["pointing"]["hands"])
    assert shares["thumbs_up"]["hands"] == 1
