"""A checkpoint's folder is enough for diffusers."""

from __future__ import annotations

import numpy as np
import pytest
from diffusers import DiffusionPipeline

from flowact import assets
from flowact.pipeline import FlowActPipeline
from tests.tiny_assets import picture
from tests.tiny_pipeline import speech, tiny_pipeline


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint")
    tiny_pipeline().save_pretrained(path)
    return path


def test_diffusers_loads_a_folder_and_generates_the_same_frames(folder):
    loaded = DiffusionPipeline.from_pretrained(str(folder), trust_remote_code=True)
    assert loaded.components.keys() == {"transformer", "tokenizer", "scheduler"}
    options = {"reference": picture(), "action": "smile", "seed": 3}
    frames = loaded(speech(0.9), **options).frames
    expected = FlowActPipeline.from_pretrained(folder)(speech(0.9), **options).frames
    assert frames.shape == (23, 480, 480, 3)
    assert np.abs(frames.astype(int) - expected).max() <= 1


def test_the_shipped_checkpoint_has_the_module_that_saving_writes(folder):
    shipped = assets.checkpoint() / "pipeline.py"
    assert shipped.read_text() == (folder / "pipeline.py").read_text()
