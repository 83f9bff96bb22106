import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowact.streaming.schedule import Schedule, diagonal, sequential, shifted

THIRDS = (1 / 3, 2 / 3, 1.0)


def test_the_diagonal_matrix() -> None:
    assert diagonal().rows == (
        (1.0, 1.0, 1.0),
        (2 / 3, 1.0, 1.0),
        (1 / 3, 2 / 3, 1.0),
        (0.0, 1 / 3, 2 / 3),
    )


def test_the_sequential_matrix() -> None:
    assert sequential().rows == (
        (1.0, 1.0, 1.0),
        (2 / 3, 1.0, 1.0),
        (1 / 3, 1.0, 1.0),
        (0.0, 1.0, 1.0),
    )


def test_the_first_chunk_costs_three_calls_and_each_later_one_a_single_call() -> None:
    schedule = diagonal()
    assert len(list(schedule.calls_from((1.0, 1.0, 1.0)))) == 3
    assert schedule.after_emission() == THIRDS
    assert list(schedule.calls_from(THIRDS)) == [(THIRDS, (0.0, 1 / 3, 2 / 3))]


def test_a_sequential_chunk_always_costs_all_its_calls() -> None:
    schedule = sequential()
    assert len(list(schedule.calls_from(schedule.after_emission()))) == 3


def test_a_stream_at_other_levels_is_refused_with_the_matrix() -> None:
    with pytest.raises(ValueError, match=r"0\.333  0\.667  1\.000") as error:
        list(sequential().calls_from(THIRDS))
    assert "sequential" in str(error.value)


def test_it_prints_as_a_matrix() -> None:
    assert str(sequential(chunks=2, calls=1)) == (
        "sequential\n  0  1.000  1.000\n  1  0.000  1.000"
    )


@given(st.integers(1, 4), st.integers(1, 4), st.floats(0.5, 5))
def test_every_schedule_is_a_way_from_noise_to_a_clean_leading_chunk(
    chunks: int, calls: int, shift: float
) -> None:
    for schedule in (diagonal(chunks, calls, shift), sequential(chunks, calls, shift)):
        check(schedule, chunks)


def check(schedule: Schedule, chunks: int) -> None:
    assert schedule.chunks == chunks
    assert set(schedule.rows[0]) == {1.0}
    assert schedule.rows[-1][0] == 0.0
    for before, after in zip(schedule.rows, schedule.rows[1:], strict=False):
        assert all(b >= a for b, a in zip(before, after, strict=True))
        assert before[0] > after[0]
    for row in schedule.rows:
        assert list(row) == sorted(row)
    assert next(schedule.calls_from(schedule.after_emission()))


def test_a_shift_above_one_stays_longer_at_high_noise() -> None:
    assert shifted(0.5, 3.0) == 0.75
    assert shifted(0.0, 3.0) == 0.0
    assert shifted(1.0, 3.0) == 1.0


@pytest.mark.parametrize(
    "make", [lambda: diagonal(0), lambda: diagonal(3, 0), lambda: sequential(3, 0)]
)
def test_empty_schedules_are_refused(make) -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        make()


def test_a_shift_must_be_positive() -> None:
    with pytest.raises(ValueError, match="shift 0"):
        diagonal(shift=0)
