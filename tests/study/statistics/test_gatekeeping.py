"""The primary question pays for its own tests only, and the others wait for it."""

import pytest

from study.statistics.gatekeeping import Families, adjusted


def test_holm_runs_over_the_primary_question_alone():
    first, others = adjusted([0.01, 0.02], [0.001, 0.002, 0.5], Families(2, 8))
    assert first == [pytest.approx(0.02), pytest.approx(0.02)]
    assert others == [pytest.approx(0.02), pytest.approx(0.02), 1.0]


def test_the_others_count_only_once_every_primary_test_has_succeeded():
    first, others = adjusted([0.0001, 0.4], [0.0001, 0.0001], Families(2, 2))
    assert first == [pytest.approx(0.0002), 0.4]
    assert others == [0.4, 0.4]


def test_a_comparison_without_votes_has_not_succeeded():
    first, others = adjusted([0.01], [0.0001], Families(2, 2))
    assert first == [pytest.approx(0.02)]
    assert others == [1.0]
    assert adjusted([], [], Families(1, 0)) == ([], [])


def test_the_items_that_are_needed():
    assert Families(15, 0).needed(0.05) == (10, None)
    assert Families(3, 12).needed(0.05) == (7, 9)


def test_holm_as_worked_out_by_hand():
    first, _ = adjusted([0.03, 0.01, 0.04, 0.005], [], Families(4, 0))
    assert first == pytest.approx([0.06, 0.03, 0.06, 0.02])
