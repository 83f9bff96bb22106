"""What is seen in frames, and what lips and motion make of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from flowact.evaluation.judges.readers import MouthReader, SyncNet
from flowact.evaluation.measures import measurements
from flowact.evaluation.measures.lips import lip_report
from flowact.evaluation.measures.measurements import Take, measure_frames, rendered
from flowact.evaluation.measures.motion import blinks_per_minute, border_changes, motion_report
from flowact.evaluation.subjects import Subject
from flowact.motion.arkit import columns
from tests.training.tokenizer.toy_clips import toy_clip

FRAMES = 96


def subject(seed: int = 0, frames: int = FRAMES) -> Subject:
    rng = np.random.default_rng(seed)
    opening = 0.1 + rng.random(frames).astype(np.float32).repeat(3)[:frames]
    silent = np.roll(np.arange(frames) < 10, 40 + 14 * seed)
    opening[silent] = opening[30:33] = 0
    sound = 0.1 * rng.standard_normal(frames * 640).astype(np.float32)
    portrait = np.full((480, 480, 3), 90, np.uint8)
    return Subject(f"s{seed}", portrait, sound, opening, silent, ((1.2, 1.28),))


def take(of: Subject, opening: np.ndarray) -> Take:
    n = len(opening)
    crops = torch.zeros(n, 3, 88, 80, dtype=torch.uint8)
    small = np.zeros((n, 60, 60), np.float32)
    shot = np.zeros((240, 240, 3), np.uint8)
    return Take(of, opening, np.zeros(n), crops, small, np.ones(n - 1), [shot], shot)


@pytest.fixture(scope="module")
def sync() -> SyncNet:
    torch.manual_seed(0)
    return SyncNet().eval()


def test_frames_are_looked_at_once_and_compared_with_the_portrait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Brightness of the middle of the face stands for the opening: 90 is shut."""
    monkeypatch.setattr(
        measurements, "read_mouth", lambda _, crops: crops[:, :2, 40, 40].float().numpy() / 100
    )
    tones = [90, 90, 140, 70] + [100] * 40
    frames = [np.full((480, 480, 3), tone, np.uint8) for tone in tones]
    found = measure_frames(subject(), iter(frames), MouthReader())
    np.testing.assert_allclose(found.opening[:5], [0, 0, 0.5, 0, 0.1], atol=1e-6)
    np.testing.assert_allclose(found.blink[:4], [0.9, 0.9, 1.4, 0.7])
    np.testing.assert_allclose(found.change[:4], [0, 50, 70, 30])
    assert found.crops.shape == (44, 3, 88, 80)
    assert found.small.shape == (44, 60, 60)
    assert found.small[3].mean() == 70
    assert [shot[0, 0, 0] for shot in found.shots] == [100, 100]


def test_no_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="no frames"):
        measure_frames(subject(), [], MouthReader())


def test_perfect_lips_reach_every_target(sync: SyncNet) -> None:
    subjects = [subject(seed) for seed in range(4)]
    report = lip_report([take(s, s.opening) for s in subjects], sync)
    assert report["correlation"] == pytest.approx(1)
    assert report["lag_frames"] == 0
    assert abs(report["correlation_wrong_audio"]) < 0.4
    assert report["closures_shut"] == report["silent_frames_shut"] == 1
    assert (report["takes"], report["closures"], report["silent_frames"]) == (4, 4, 40)
    assert report["range_of_truth"] == pytest.approx(1)


def test_mumbling_late_and_open_lips_are_found_out(sync: SyncNet) -> None:
    subjects = [subject(seed) for seed in range(4)]
    late = lip_report([take(s, np.roll(0.5 * s.opening, 3)) for s in subjects], sync)
    assert late["lag_frames"] == 3
    assert late["range_of_truth"] == pytest.approx(0.5, rel=0.05)
    ajar = lip_report([take(s, s.opening + 0.2) for s in subjects], sync)
    assert ajar["correlation"] == pytest.approx(1)
    assert ajar["closures_shut"] == ajar["silent_frames_shut"] == 0


def test_a_single_take_has_no_wrong_sound(sync: SyncNet) -> None:
    report = lip_report([take(subject(), subject().opening)], sync)
    assert np.isnan(report["correlation_wrong_audio"])


def test_flicker_at_borders_is_told_from_motion() -> None:
    steady = np.full(99, 2.0)
    assert border_changes([steady]) == {"chunk_border_change": 1, "latent_border_change": 1}
    jumps = steady.copy()
    jumps[11::12] = 6  # into frames 12, 24, ...
    found = border_changes([jumps, jumps])
    assert found["chunk_border_change"] == pytest.approx(3)
    assert found["latent_border_change"] == 1
    steps = steady.copy()
    steps[3::4] = 3
    assert border_changes([steps])["latent_border_change"] == pytest.approx(1.5)


def test_blinks_are_counted_when_eyes_go_shut() -> None:
    eyes = np.zeros(750)
    eyes[100:104] = eyes[300:310] = 0.9
    eyes[500:504] = 0.4
    assert blinks_per_minute([eyes]) == pytest.approx(4)
    assert blinks_per_minute([eyes, np.zeros(750)]) == pytest.approx(2)


def test_motion_is_compared_with_the_rendered_clip() -> None:
    clip = toy_clip(3)
    clip.curves[:, columns("eyeBlink")] = clip.curves[:, columns("eyeBlinkLeft")]
    person = replace(subject(frames=len(clip)), reference=clip.reference_image(), clip=clip)
    torch.manual_seed(0)
    reader = MouthReader().eval()
    (truth,) = rendered(reader, [person])
    assert motion_report([truth], [truth])["richness_of_truth"] == pytest.approx(1)
    still = measure_frames(person, [clip.frame(0)] * len(clip), reader)
    report = motion_report([still], [truth])
    assert report["richness"] == report["richness_of_truth"] == 0
    assert report["blinks_per_minute_truth"] > 0
    assert not list(rendered(reader, [subject()]))
