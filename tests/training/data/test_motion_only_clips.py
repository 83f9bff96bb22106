from pathlib import Path

import pytest
import torch

from flowact.conditioning.actions import PHRASES
from flowact.datagen.performance.performance import TRAINING_VOICES
from flowact.tokenizer.code import LinearMotionCodec
from flowact.training.data.latents import LatentClip
from flowact.training.data.motion_only_clips import (
    FIRST_SEED,
    coded,
    make_clip,
    make_folder,
    shipped_codes,
)
from flowact.training.transformer.latent_probe import curve_index

Codes = tuple[LinearMotionCodec, LinearMotionCodec]


@pytest.fixture(scope="module")
def codes() -> Codes:
    return shipped_codes()


@pytest.fixture(scope="module")
def clip(codes: Codes) -> LatentClip:
    return make_clip(codes, FIRST_SEED, seconds=2.0)


def test_the_code_turns_four_frames_into_one_latent(codes: Codes) -> None:
    readouts = torch.randn(12, 52 + 54)
    latents = coded(codes, readouts)
    assert latents.shape == (3, 16, 8, 16)
    torch.testing.assert_close(coded(codes, readouts[4:8]), latents[1:2])


def test_latents_of_a_pose_between_two_lie_between_theirs(codes: Codes) -> None:
    mean, deviation = codes[0].mean, codes[0].deviation
    a, b = mean + deviation * torch.randn(2, 4, 52 + 54)
    middle = coded(codes, (a + b) / 2)
    ends = (coded(codes, a) + coded(codes, b)) / 2
    torch.testing.assert_close(middle, ends, atol=1e-4, rtol=1e-3)


def test_an_imagined_clip_has_all_that_training_needs(clip: LatentClip) -> None:
    frames = 4 * len(clip)
    assert frames >= 48
    assert clip.reference.shape == (1, 16, 8, 16)
    assert clip.mel.shape == (4 * frames, 80)
    assert clip.curves.shape == (frames, 52)
    assert set(clip.behaviour.tolist()) <= set(range(len(PHRASES)))
    assert clip.meta["imagined"] is True
    assert clip.z.isfinite().all()


def test_the_mouth_moves_when_there_is_sound(codes: Codes) -> None:
    clips = [make_clip(codes, FIRST_SEED + 50 + i, seconds=4.0) for i in range(3)]
    loud = torch.cat([c.mel.float().amax(1).view(-1, 4).amax(1) for c in clips])
    jaw = torch.cat([c.curves[:, curve_index("jawOpen")].float() for c in clips])
    assert torch.corrcoef(torch.stack((loud, jaw)))[0, 1] > 0.2


def test_a_seed_gives_the_same_clip_again(codes: Codes, clip: LatentClip) -> None:
    again = make_clip(codes, FIRST_SEED, seconds=2.0)
    assert torch.equal(again.z, clip.z)
    assert torch.equal(again.mel, clip.mel)
    other = make_clip(codes, FIRST_SEED + 1, seconds=2.0)
    assert not torch.equal(other.z, clip.z)


def test_only_missing_clips_are_imagined(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    assert make_folder(folder, 2, 1.0, TRAINING_VOICES) == 2
    first = (folder / f"{FIRST_SEED}.safetensors").read_bytes()
    assert make_folder(folder, 3, 1.0, TRAINING_VOICES) == 1
    assert (folder / f"{FIRST_SEED}.safetensors").read_bytes() == first
    assert len(list(folder.iterdir())) == 3
