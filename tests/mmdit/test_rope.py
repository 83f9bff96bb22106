import math

import pytest
import torch

from flowact.mmdit.rope import (
    axis_pairs,
    grid_positions,
    rotary_table,
    rotate,
    token_positions,
)


def test_every_pair_of_a_head_belongs_to_one_axis() -> None:
    assert axis_pairs(64) == (12, 10, 10)
    assert sum(axis_pairs(16)) == 8


def test_a_head_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="24"):
        axis_pairs(24)


def test_products_depend_on_distances_only() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 32).double()
    here, there = torch.tensor([[[3.0, 1.0, 2.0]]]), torch.tensor([[[7.0, 4.0, 2.5]]])
    shift = torch.tensor([11.0, -2.0, 5.0])

    def product(a: torch.Tensor, b: torch.Tensor) -> float:
        return float((rotate(query, rotary_table(a, 32)) * rotate(key, rotary_table(b, 32))).sum())

    assert math.isclose(product(here, there), product(here + shift, there + shift), rel_tol=1e-5)
    assert not math.isclose(product(here, there), product(here, there + shift), rel_tol=1e-2)


def test_face_tokens_lie_where_the_box_is() -> None:
    cells = grid_positions(((0, 0, 480, 480), (120, 88, 240, 240)), rows=4, columns=4) * 60
    assert cells.shape == (32, 2)
    assert cells[0].tolist() == [60, 60]
    assert cells[15].tolist() == [420, 420]
    assert cells[16].tolist() == pytest.approx([88 + 30, 120 + 30])
    assert cells[17].tolist() == pytest.approx([88 + 30, 120 + 90])


def test_token_positions_join_time_and_space() -> None:
    positions = token_positions(torch.tensor([[0.0, 4.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert positions.tolist() == [[[0, 1, 2], [0, 3, 4], [4, 1, 2], [4, 3, 4]]]
