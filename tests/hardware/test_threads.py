from __future__ import annotations

import pytest

from flowact.errors import UserError
from flowact.hardware.threads import (
    ThreadPlan,
    available_threads,
    plan_threads,
)


@pytest.mark.parametrize(
    ("total", "plan"),
    [
        (1, ThreadPlan(1, 1, concurrent=False)),
        (2, ThreadPlan(2, 1, concurrent=True)),
        (3, ThreadPlan(3, 1, concurrent=True)),
        (4, ThreadPlan(4, 2, concurrent=True)),
    ],
)
def test_threads_are_divided_between_transformer_and_decoder(total: int, plan: ThreadPlan) -> None:
    assert plan_threads(total) == plan
    assert plan.per_operator * (2 if plan.concurrent else 1) <= total


def test_no_threads_is_the_users_error() -> None:
    with pytest.raises(UserError, match="at least 1, not 0"):
        plan_threads(0)


def test_some_threads_are_available() -> None:
    assert 1 <= available_threads() <= 4
