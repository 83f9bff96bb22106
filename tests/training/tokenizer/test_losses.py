import pytest
import torch

from flowact.datagen.clip import LANDMARKS
from flowact.tokenizer.views import FACE, FULL, WHOLE, Region
from flowact.training.tokenizer import losses as losses


@pytest.fixture
def landmarks() -> torch.Tensor:
    points = {
        "mouth_left": (140, 150), "mouth_right": (100, 150), "lip_upper_inner": (120, 148),
        "lip_lower_inner": (120, 152), "eye_left_centre": (145, 90), "eye_right_centre": (95, 90),
        "nose_tip": (120, 120), "chin": (120, 190),
    }  # fmt: skip
    return torch.tensor([[points[name] for name in LANDMARKS]], dtype=torch.float32)


def test_charbonnier_lies_between_square_and_absolute() -> None:
    difference = torch.tensor([0.5, -0.5])
    assert losses.charbonnier(difference, 1e-6).item() == pytest.approx(0.5, abs=1e-4)
    assert losses.charbonnier(difference, 100.0).item() == pytest.approx(0.25 / 200, rel=1e-2)
    weighted = losses.charbonnier(torch.tensor([1.0, 0.0]), 1e-6, torch.tensor([3.0, 1.0]))
    assert weighted.item() == pytest.approx(0.75, abs=1e-4)


def test_annealing() -> None:
    assert losses.annealed(0.1, 0.001, 0, 100) == pytest.approx(0.1)
    assert losses.annealed(0.1, 0.001, 50, 100) == pytest.approx(0.01)
    assert losses.annealed(0.1, 0.001, 999, 100) == pytest.approx(0.001)


def test_boxes_sit_on_mouth_and_eyes(landmarks) -> None:
    mouth, eyes = losses.mouth_box(landmarks)[0, 0], losses.eyes_box(landmarks)[0, 0]
    assert mouth[150, 120] > 0.99 and mouth[150, 102] > 0.9 and mouth[90, 120] < 0.01
    assert eyes[90, 145] > 0.99 and eyes[90, 95] > 0.99 and eyes[150, 120] < 0.01


def test_weight_counts_what_must_be_painted(landmarks) -> None:
    visible = torch.ones(1, 60, 60)
    visible[:, :5] = 0
    weight = losses.region_weight(landmarks, visible, mouth=9, eyes=5, hidden=2)[0, 0]
    assert weight[0, 0] == 3 and weight[230, 10].item() == pytest.approx(1, abs=1e-3)
    assert weight[150, 120].item() == pytest.approx(10, abs=0.1)
    assert weight[90, 145].item() == pytest.approx(6, abs=0.1)


FLAT = torch.ones(1, 1, 240, 240)


def test_flow_is_measured_in_pixels_of_the_frame() -> None:
    visible, still = torch.ones(1, 60, 60), torch.zeros(1, 2, 60, 60)
    truth = still.clone()
    truth[:, 0] = 30 * 2 / 480
    assert losses.flow_loss(truth, truth, visible, FLAT).item() == 0
    # Huber of 30 in x and of 0 in y
    assert losses.flow_loss(still, truth, visible, FLAT).item() == pytest.approx(29.5 / 2, rel=1e-4)
    assert losses.flow_loss(still, truth, 0 * visible, FLAT).item() == 0
    half = truth.clone()
    half[..., 30:] = 0
    uneven = FLAT.clone()
    uneven[..., :120] = 3
    assert losses.flow_loss(still, half, visible, uneven).item() == pytest.approx(
        29.5 / 2 * 0.75, rel=1e-4
    )


def test_cells_at_the_border_of_a_region_do_not_count() -> None:
    everywhere = losses.trusted(FULL, 2)
    assert everywhere.min() == 1
    part = losses.trusted(Region(top=0, left=10, height=16, width=20), 2)[0, 0]
    assert part[: 14 * 8, 12 * 8 :].min() == 1
    assert part[14 * 8 :].max() == 0 and part[:, : 12 * 8].max() == 0


def test_the_face_view_hides_the_middle_of_the_whole_view() -> None:
    assert losses.covered_by_face(FACE, 16).max() == 0
    hidden = losses.covered_by_face(WHOLE, 16)[0, 0]
    assert hidden[52:156, 68:172].min() == 1 and hidden.sum() == 104 * 104


def test_mask_is_compared_with_visibility() -> None:
    visible = torch.zeros(1, 60, 60)
    visible[:, :30] = 1
    mask = visible[:, None].repeat_interleave(4, -1).repeat_interleave(4, -2)
    assert losses.visibility_loss(mask, visible, FLAT) < 1e-3
    assert losses.visibility_loss(1 - mask, visible, FLAT) > 5
    careless = FLAT.clone()
    careless[..., :120, :] = 9
    always = torch.full((1, 1, 60, 60), 0.99)
    half_wrong = losses.visibility_loss(always, visible, FLAT)
    assert losses.visibility_loss(always, visible, careless).item() == pytest.approx(
        half_wrong.item() / 5, rel=0.05
    )


def test_paint_costs_where_it_is_not_needed() -> None:
    paint, visible = torch.full((1, 3, 120, 120), -0.5), torch.zeros(1, 60, 60)
    visible[:, :30] = 1
    assert losses.paint_sparsity(paint, visible, FLAT).item() == pytest.approx(0.25)
    assert losses.paint_sparsity(paint, visible, 10 * FLAT).item() == pytest.approx(0.025)


def test_coarse_half_of_the_picture_loss_forgives_a_shift() -> None:
    stripes = torch.zeros(1, 3, 16, 16)
    stripes[..., ::2] = 1
    fine = losses.charbonnier(stripes.roll(1, -1) - stripes, 1e-6)
    both = losses.picture_loss(stripes.roll(1, -1), stripes, 1e-6, torch.ones(1, 1, 16, 16))
    assert both.item() == pytest.approx(fine.item() / 2, abs=1e-4)


def test_detail_ignores_a_constant_offset_and_sees_an_edge() -> None:
    flat, weight = torch.zeros(1, 3, 16, 16), torch.ones(1, 1, 16, 16)
    edge = flat.clone()
    edge[..., 8:] = 1
    assert losses.detail_loss(flat + 0.5, flat, 0.01, weight).item() == pytest.approx(0, abs=1e-6)
    assert losses.detail_loss(edge, flat, 0.01, weight) > 0.02


def test_psnr() -> None:
    truth = torch.zeros(1, 3, 4, 4)
    assert losses.psnr(truth + 0.2, truth) == pytest.approx(20, abs=1e-3)
    half = torch.zeros(1, 1, 4, 4)
    half[..., :2] = 1
    wrong = truth.clone()
    wrong[..., 2:] = 9
    assert losses.psnr(wrong + 0.2, truth, half) == pytest.approx(20, abs=1e-3)


def test_only_an_error_that_changes_flickers() -> None:
    truth = torch.rand(8, 3, 4, 4)
    weight = torch.ones(8, 1, 4, 4)
    constant = truth + 0.5
    assert losses.temporal_loss(constant, truth, 1e-6, weight, 4) == pytest.approx(0, abs=1e-6)
    jumps = constant.clone()
    jumps[4:] = truth[4:]  # between windows, which do not follow each other
    assert losses.temporal_loss(jumps, truth, 1e-6, weight, 4) == pytest.approx(0, abs=1e-6)
    assert losses.temporal_loss(jumps, truth, 1e-6, weight, 8) == pytest.approx(0.5 / 7, abs=1e-4)
