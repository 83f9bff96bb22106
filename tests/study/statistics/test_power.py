"""Power follows the variance between raters and between items, and finds both in votes."""

import numpy as np
import pytest

from study.statistics import power
from study.statistics.bootstrap import Table


def test_the_expected_net_follows_rate_and_ties():
    made = power.expected(0.65, 0.3, 0.1, 0.2)
    assert made.net == pytest.approx(0.21)
    assert made.variance == pytest.approx(0.7 - 0.21**2)
    with pytest.raises(ValueError, match="between 0.5 and 1"):
        power.expected(0.5, 0.3, 0, 0)


def test_independent_votes_need_what_the_textbook_says():
    """Without clusters and with many of both, the normal formula for a mean holds."""
    made = power.expected(0.65, 0.3, 0.0, 0.0)
    wanted = (1.96 + 0.8416) ** 2 * made.variance / made.net**2
    raters = power.raters_needed(made, 400, 1, 0.05)
    assert raters == pytest.approx(wanted, rel=0.1)


def test_more_raters_do_not_make_up_for_items_that_differ():
    made = power.expected(0.65, 0.3, 0.2, 0.3)
    few = [power.power(made, raters, 12, 12, 0.005) for raters in (30, 300, 20_000)]
    assert few == sorted(few)
    assert few[-1] < 0.5
    assert power.raters_needed(made, 12, 12, 0.005) is None
    assert power.raters_needed(made, 60, 12, 0.005) is not None


def test_too_few_of_either_have_no_power_at_all():
    made = power.expected(0.95, 0.0, 0.0, 0.0)
    assert power.power(made, 100, 6, 6, 0.05 / 15) == 0
    assert power.power(made, 6, 100, 10, 0.05 / 15) == 0
    assert power.power(made, 100, 10, 10, 0.05 / 15) > 0.99


def test_components_are_found_in_the_votes():
    rng = np.random.default_rng(0)
    latent = 0.2 + rng.normal(0, 0.3, (400, 1)) + rng.normal(0, 0.2, 300)
    scores = np.where(rng.random((400, 300)) < (1 + np.clip(latent, -1, 1)) / 2, 1.0, -1.0)
    shown = rng.random(scores.shape) < 0.2
    found = power.components([Table(scores * shown, shown.astype(float))])
    assert found == (pytest.approx(0.3, abs=0.04), pytest.approx(0.2, abs=0.03))
    assert power.components([Table(np.ones((1, 5)), np.ones((1, 5)))]) is None
