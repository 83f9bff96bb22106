import pytest

from flowact.serving.pacing import (
    FIRST_LEAD,
    LEAST_LEAD,
    MARGIN,
    MOST_LEAD,
    SEGMENT_SECONDS,
    Pace,
    lead,
)


def test_the_first_piece_is_wanted_at_once():
    assert Pace().begin(0, 0.3) == float("-inf")


def test_later_pieces_begin_a_lead_before_the_viewer_needs_them():
    pace = Pace().delivered(0, 100.0)
    assert pace.begin(3, 0.25) == pytest.approx(100 + 3 * SEGMENT_SECONDS - 0.25)


def test_a_delivery_in_time_changes_nothing_and_a_late_one_moves_the_schedule():
    pace = Pace().delivered(0, 100.0)
    assert pace.delivered(1, 100.1) == pace
    late = pace.delivered(1, 101.0)
    assert late.begin(2, 0.0) == pytest.approx(101 + SEGMENT_SECONDS)


def test_the_lead_follows_what_pieces_take_within_bounds():
    assert lead([]) == FIRST_LEAD
    assert lead([0.2] * 20) == pytest.approx(0.2 + MARGIN)
    assert lead([0.001]) == LEAST_LEAD
    assert lead([9.0] * 20) == MOST_LEAD


def test_a_thousand_pieces_in_time_do_not_drift():
    pace = Pace().delivered(0, 5.0)
    for segment in range(1, 1000):
        pace = pace.delivered(segment, pace.begin(segment, 0.1))
    assert pace.begin(1000, 0.0) == pytest.approx(5.0 + 1000 * SEGMENT_SECONDS)
