"""Anchors, decoding and non-maximum suppression, and what a detector makes of a network's numbers."""

import numpy as np
import pytest

from flowact.evaluation.judges.landmarks.detector import Detector, anchors, blend, decode, overlap


@pytest.mark.parametrize(("edge", "count"), [(128, 896), (192, 2016)])
def test_there_are_as_many_anchors_as_the_networks_have_outputs(edge: int, count: int) -> None:
    places = anchors(edge)
    assert places.shape == (count, 2)
    assert places[0].tolist() == places[1].tolist() == [4 / edge, 4 / edge]
    assert places[2].tolist() == [12 / edge, 4 / edge]
    assert places[-1].tolist() == [1 - 8 / edge, 1 - 8 / edge]


def test_boxes_and_points_are_counted_from_their_anchor() -> None:
    raw = np.array([[16.0, -16, 64, 32, 0, 8]])
    (low, high, point) = decode(raw, np.array([[0.5, 0.5]]), 128)[0]
    assert low.tolist() == [0.375, 0.25]
    assert high.tolist() == [0.875, 0.5]
    assert point.tolist() == [0.5, 0.5625]


def test_nothing_likely_decodes_to_nothing() -> None:
    assert decode(np.zeros((0, 18)), np.zeros((0, 2)), 192).shape == (0, 9, 2)
    assert blend(np.zeros((0, 9, 2)), np.zeros(0)) == []


def square(left: float, top: float, edge: float) -> np.ndarray:
    return np.array([[left, top], [left + edge, top + edge]])


def test_overlap_is_intersection_over_union() -> None:
    others = np.stack([square(0, 0, 2), square(1, 0, 2), square(5, 5, 1)])
    assert overlap(square(0, 0, 2), others) == pytest.approx([1, 1 / 3, 0])


def test_boxes_of_the_same_thing_become_their_mean_by_score() -> None:
    boxes = np.stack([square(0, 0, 1), square(0.2, 0, 1), square(5, 5, 1)])
    found = blend(boxes, np.array([0.6, 0.9, 0.7]))
    assert [score for score, _ in found] == [0.9, 0.7]
    assert found[0][1][0] == pytest.approx([0.12, 0])
    assert found[1][1] == pytest.approx(boxes[2])


def test_a_detection_is_in_pixels_of_a_picture_that_is_not_square() -> None:
    centre = int(np.abs(anchors(128) - 0.5).sum(1).argmin())

    def network(values: np.ndarray) -> dict[str, np.ndarray]:
        assert values.shape == (128, 128, 3)
        assert values[0, 0, 0] == values[-1, -1, 0] == -1.0  # the rim above and below is black
        raw, scores = np.zeros((1, 896, 16)), np.full((1, 896, 1), -100.0)
        raw[0, centre, 2:4] = 64
        scores[0, centre] = 3.0
        return {"boxes": raw, "scores": scores}

    (found,) = Detector(network, 128, -1.0).find(np.full((100, 200, 3), 255, np.uint8))  # type: ignore[arg-type]
    x, y = 200 * anchors(128)[centre] - (0, 50)
    assert found.score == pytest.approx(1 / (1 + np.exp(-3)))
    assert found.box == pytest.approx([x - 50, y - 50, x + 50, y + 50])
    assert found.region.width == pytest.approx(100)
