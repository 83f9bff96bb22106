"""The simulations find a plan that holds; `study simulate` prints the long version."""

import numpy as np
import pytest

from study.checks import simulations


@pytest.mark.parametrize("setting", [simulations.POWER_SETTINGS[n] for n in (0, 3, 5)])
def test_a_plan_holds_what_it_promises(setting, record_property):
    raters, promised, got = simulations.promised_and_got(setting, 250, np.random.default_rng(0))
    record_property("raters_promised_got", (raters, promised, got))
    assert 0.8 <= promised < 0.86
    assert 0.7 < got < 0.9


def test_strengths_are_covered_where_raters_and_items_differ():
    assert simulations.strength_coverage(12, 6, 18, 0.5, 0.5, 100, np.random.default_rng(1)) > 0.9


def test_equal_systems_are_rarely_told_apart():
    assert simulations.familywise_error(24, 12, 2, 5, 100, np.random.default_rng(2)) < 0.11


def test_intervals_hold_near_unanimity():
    assert simulations.unanimous_coverage(12, 6, 0.99, 200, np.random.default_rng(3)) > 0.93
