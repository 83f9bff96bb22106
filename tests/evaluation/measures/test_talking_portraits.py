"""Blinks are looked for when they are due, and every measure is of its own curve."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from flowact.evaluation.measures.sight import Sight
from flowact.evaluation.measures.talking_portraits import compare, scheduled_blinks, worst
from flowact.streaming.blinks import scheduled
from flowact.streaming.noise import seed_generators

FRAMES = 100
FALLS = [20, 60]


def sight(**changes: np.ndarray) -> Sight:
    """A person who talks and blinks twice; the number of a frame is its picture's shade."""
    time = np.arange(FRAMES)
    blink = np.full(FRAMES, 0.1)
    for fall in FALLS:
        blink[fall : fall + 4] = 0.8
    speech = 0.5 + 0.5 * np.sin(time / 3)
    away = np.where(time % 12 == 0, 0.2, np.nan)
    faces = np.broadcast_to(time[:, None, None, None], (FRAMES, 240, 240, 3)).astype(np.uint8)
    whole = Sight(speech, blink, 0.4 * speech, 0.5 + 0.5 * (blink > 0.5), away, faces)
    return replace(whole, **changes)


def test_scheduled_blinks_are_those_of_the_session() -> None:
    kinds = scheduled(seed_generators([5]), torch.zeros(1, dtype=torch.int64), 250)[0].tolist()
    falls = scheduled_blinks(5, 1000)
    assert len(falls) > 5
    assert all(kinds[fall // 4] == 1 + fall % 4 for fall in falls)
    assert len(falls) >= sum(kind > 0 for kind in kinds) - 1
    assert scheduled_blinks(5, falls[0] + 1) == []


def test_the_anchor_reaches_everything() -> None:
    row = compare(sight(), sight(), FALLS)
    assert row["face"] == row["blinks_seen"] == row["blinks"] == row["opening"] == 1
    assert row["jaw"] == pytest.approx(1)
    assert row["blink_max"] == 0.8
    assert row["identity"] == pytest.approx(0.2)
    assert (row["shut_lids"], row["open_lids"]) == (1.0, 0.5)


def test_a_blink_at_another_time_is_not_the_scheduled_one() -> None:
    late = np.full(FRAMES, 0.1)
    late[40:44] = 0.9
    row = compare(sight(blink=late), sight(), FALLS)
    assert row["blinks_seen"] == 0
    assert row["blinks"] == 0.5
    assert row["blink_max"] == 0.9


def test_a_mouth_that_opens_half_as_far_is_half_open_and_still_in_time() -> None:
    speech = sight().jaw
    row = compare(sight(jaw=0.3 * speech, opening=0.2 * speech), sight(), FALLS)
    assert row["opening"] == pytest.approx(0.5)
    assert row["jaw"] == pytest.approx(1)


def test_frames_without_a_face_are_counted_and_left_out() -> None:
    gone = np.where(np.arange(FRAMES) < 25, np.nan, sight().jaw)
    row = compare(sight(jaw=gone, blink=gone), sight(), FALLS)
    assert row["face"] == 0.75
    assert row["jaw"] == pytest.approx(1)
    nothing = np.full(FRAMES, np.nan)
    row = compare(
        sight(jaw=nothing, blink=nothing, opening=nothing, identity=nothing, lids=nothing),
        sight(),
        FALLS,
    )
    assert (row["face"], row["jaw"], row["blinks_seen"], row["opening"]) == (0, 0, 0, 0)
    assert np.isnan(row["identity"]) and np.isnan(row["blink_max"])


def test_a_shorter_video_is_compared_as_far_as_it_goes() -> None:
    short = Sight(*(getattr(sight(), name)[:50] for name in Sight.__dataclass_fields__))
    assert compare(short, sight(), FALLS[:1])["jaw"] == pytest.approx(1)


def test_the_worst_frames_are_found() -> None:
    blink, lips, away = sight().blink.copy(), sight().opening.copy(), sight().identity.copy()
    blink[60:64] = 0.2, 0.3, 0.4, 0.2
    lips[70] = -1
    away[36] = 0.6
    found = worst(sight(blink=blink, opening=lips, identity=away), sight(), FALLS)
    shades = [int(frame[0, 0, 0]) for frame in (found.blink, found.mouth, found.identity)]
    assert shades == [62, 70, 36]
    lost = np.where(np.arange(FRAMES) == 90, np.nan, sight().jaw)
    assert worst(sight(jaw=lost), sight(), []).identity[0, 0, 0] == 90
