"""Each behaviour can be recognised in its track, and neighbours blend softly."""

import numpy as np
import pytest

from flowact.datagen.performance.behaviours import (
    BEHAVIOURS,
    OPENS_MOUTH,
    Track,
    behaviour_track,
    envelope,
)
from flowact.datagen.performance.gestures import key_poses
from flowact.motion.arkit import ARKIT, CURVE

FRAMES = 100


def tracks(name: str) -> list[Track]:
    """The behaviour as several people show it."""
    return [behaviour_track(name, np.random.default_rng(seed), FRAMES) for seed in range(8)]


def swings(signal: np.ndarray) -> int:
    """How often a signal passes its mean."""
    return int(np.count_nonzero(np.diff(signal > signal.mean())))


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_track_is_well_formed(name: str) -> None:
    for track in tracks(name):
        assert track.curves.shape == (FRAMES, len(ARKIT))
        assert track.head.shape == (FRAMES, 3)
        assert track.gaze.shape == (FRAMES, 2)
        assert set(track.gestures) <= set(key_poses())
        assert all(w.min() >= 0 and w.max() <= 1 for w in track.gestures.values())
        assert np.degrees(np.abs(track.head)).max() < 16
        assert track.curves.min() >= 0


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_only_laughing_and_surprise_part_silent_lips(name: str) -> None:
    parts = ("jawOpen", "mouthLowerDownLeft", "mouthUpperUpLeft", "mouthFunnel")
    opened = max(track.curves[:, [CURVE[p] for p in parts]].max() for track in tracks(name))
    assert (opened > 0) == (name in OPENS_MOUTH)


def test_a_nod_goes_up_and_down_and_a_shake_sideways() -> None:
    for track in tracks("nodding"):
        assert swings(track.head[:, 0]) >= 8
        assert not track.head[:, 1].any()
    for track in tracks("shaking"):
        assert swings(track.head[:, 1]) >= 8
        assert not track.head[:, 0].any()


def test_thinking_looks_up_and_away() -> None:
    for track in tracks("thinking"):
        assert track.gaze[:, 1].max() < 0
        assert np.abs(track.gaze[:, 0]).min() > 0.15


@pytest.mark.parametrize("name", ["listening", "speaking", "idling", "smiling", "nodding"])
def test_attention_stays_on_the_viewer(name: str) -> None:
    assert not any(track.gaze.any() for track in tracks(name))


@pytest.mark.parametrize("name", ["waving", "pointing", "thumbs_up", "shrugging"])
def test_gestures_raise_their_hand(name: str) -> None:
    for track in tracks(name):
        (weight,) = track.gestures.values()
        assert weight.min() > 0.8


def test_a_wave_swings_and_uses_either_hand() -> None:
    waving = tracks("waving")
    assert all(track.swing is not None and swings(track.swing) >= 10 for track in waving)
    assert {next(iter(t.gestures)) for t in waving} == {"wave_left", "wave_right"}


def test_beats_rise_and_fall() -> None:
    weights = [w for track in tracks("speaking") for w in track.gestures.values()]
    assert len(weights) >= 4
    assert all(np.abs(np.diff(w)).max() < 0.25 for w in weights)
    assert all(w[0] == 0 for w in weights)


def test_neighbours_share_each_frame() -> None:
    shares = [envelope(FRAMES, *span) for span in ((0, 30), (30, 62), (62, FRAMES))]
    assert np.sum(shares, axis=0) == pytest.approx(np.ones(FRAMES))
    assert shares[0][0] == shares[2][-1] == 1
    assert all(np.abs(np.diff(s)).max() < 0.2 for s in shares)


def test_an_unknown_behaviour_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown behaviour 'dancing'"):
        behaviour_track("dancing", np.random.default_rng(0), 10)
