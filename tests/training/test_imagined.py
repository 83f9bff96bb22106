from pathlib import Path

import pytest
import torch

from flowact.conditioning.actions import PHRASES
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.imagined import (
    FIRST_SEED,
    imagine_clip,
    imagine_folder,
    scaffold_latents,
)
from flowact.training.latents import LatentClip
from flowact.training.readout import curve_index

SMALL = {
    "encoder_widths": (16, 16, 16, 16, 16), "reference_widths": (16, 16, 16, 16, 16),
    "trunk_widths": (16, 16, 16), "trunk_blocks": (1, 1, 1), "frame_widths": (16, 16, 16),
    "frame_blocks": (1, 1, 1),
}  # fmt: skip


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    torch.manual_seed(0)
    made = Tokenizer({**SMALL, "view": "whole"}, {**SMALL, "view": "face", "paint_scale": 2})
    return made.eval()


@pytest.fixture(scope="module")
def clip(tokenizer: Tokenizer) -> LatentClip:
    return imagine_clip(tokenizer, FIRST_SEED, seconds=2.0)


def test_the_scaffold_turns_four_frames_into_one_latent(tokenizer: Tokenizer) -> None:
    readouts = torch.randn(12, 52 + 54)
    latents = scaffold_latents(tokenizer, readouts)
    assert latents.shape == (3, 16, 8, 16)
    torch.testing.assert_close(scaffold_latents(tokenizer, readouts[4:8]), latents[1:2])


def test_latents_of_a_pose_between_two_lie_between_theirs(tokenizer: Tokenizer) -> None:
    a, b = torch.randn(2, 4, 52 + 54)
    middle = scaffold_latents(tokenizer, (a + b) / 2)
    ends = (scaffold_latents(tokenizer, a) + scaffold_latents(tokenizer, b)) / 2
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


def test_the_mouth_moves_when_there_is_sound(tokenizer: Tokenizer) -> None:
    clips = [imagine_clip(tokenizer, FIRST_SEED + 50 + i, seconds=4.0) for i in range(3)]
    loud = torch.cat([c.mel.float().amax(1).view(-1, 4).amax(1) for c in clips])
    jaw = torch.cat([c.curves[:, curve_index("jawOpen")].float() for c in clips])
    assert torch.corrcoef(torch.stack((loud, jaw)))[0, 1] > 0.2


def test_a_seed_gives_the_same_clip_again(tokenizer: Tokenizer, clip: LatentClip) -> None:
    again = imagine_clip(tokenizer, FIRST_SEED, seconds=2.0)
    assert torch.equal(again.z, clip.z)
    assert torch.equal(again.mel, clip.mel)
    other = imagine_clip(tokenizer, FIRST_SEED + 1, seconds=2.0)
    assert not torch.equal(other.z, clip.z)


def test_only_missing_clips_are_imagined(tokenizer: Tokenizer, tmp_path: Path) -> None:
    folder = tmp_path / "train"
    assert imagine_folder(tokenizer, folder, 2, seconds=1.0) == 2
    first = (folder / f"{FIRST_SEED}.safetensors").read_bytes()
    assert imagine_folder(tokenizer, folder, 3, seconds=1.0) == 1
    assert (folder / f"{FIRST_SEED}.safetensors").read_bytes() == first
    assert len(list(folder.iterdir())) == 3
