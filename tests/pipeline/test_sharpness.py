"""What the networks see to and what lies between is equally sharp: where it is not, hair flickers."""

import numpy as np
import pytest
import torch

from flowact import FlowActPipeline, assets
from flowact.pipeline.chunks import look_at, to_frames
from flowact.portrait import load_reference
from flowact.timebase import FACE_BOX
from tests.pipeline.test_golden import FOLDER


def sharpness(frames: torch.Tensor) -> np.ndarray:
    """Mean change from pixel to pixel of frames `[n, 480, 480, 3]` in the face, `[n]`."""
    left, top, size = FACE_BOX
    face = frames[:, top : top + size, left : left + size].float().mean(3)
    return sum(face.diff(dim=axis).abs().mean((1, 2)) for axis in (1, 2)).numpy()


@pytest.mark.parametrize("name", ["omar", "rafael"])  # both have beards
def test_beards_are_as_sharp_in_every_frame(name: str) -> None:
    tokenizer = FlowActPipeline.from_pretrained().tokenizer
    assert tokenizer.config.face_every == 2
    features = look_at(tokenizer, to_frames(load_reference(assets.character(name).portrait)))
    z = torch.from_numpy(np.load(FOLDER / "latents.npy"))
    frames, _ = tokenizer.decode_uint8(tokenizer.initial_state(features), z, features)
    between, seen_to = sharpness(frames[0]).reshape(-1, 2).mean(0)
    assert seen_to == pytest.approx(between, rel=0.025)
