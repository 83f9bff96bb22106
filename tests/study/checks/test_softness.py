"""Of two clips, one softer by half, sizes and tables tell which is which only before they are made equal."""

import numpy as np

from study.checks import softness


def test_a_classifier_on_what_a_browser_gets_stays_at_chance(tmp_path):
    """In two hundred studies of twelve pairs a guess is right as often as a coin, within its 95 % range."""
    encoded, served = softness.pairs(tmp_path, np.random.default_rng(0))
    before = softness.classified(encoded, 200, np.random.default_rng(1))
    assert (before.right, before.builds) == (1, 0)
    told = softness.classified(served, 200, np.random.default_rng(1))
    assert told.low <= told.right <= told.high
    assert told.builds >= 0.9
