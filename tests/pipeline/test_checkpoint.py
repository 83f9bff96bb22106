from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from flowact.errors import UserError
from flowact.pipeline import FlowActPipeline
from tests.tiny_pipeline import speech

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture
def saved(pipeline: FlowActPipeline, tmp_path: Path) -> Path:
    pipeline.save_pretrained(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def test_a_checkpoint_has_the_layout_of_diffusers(saved: Path) -> None:
    index = json.loads((saved / "model_index.json").read_text())
    assert index["_class_name"] == ["pipeline", "FlowActPipeline"]
    assert index["transformer"] == ["flowact.mmdit.model", "FlowActTransformer"]
    files = {str(path.relative_to(saved)) for path in saved.rglob("*") if path.is_file()}
    assert files == {
        "model_index.json",
        "pipeline.py",
        "scheduler/scheduler_config.json",
        "tokenizer/config.json",
        f"tokenizer/{WEIGHTS}",
        "transformer/config.json",
        f"transformer/{WEIGHTS}",
    }


def test_what_was_saved_generates_the_same(
    pipeline: FlowActPipeline, saved: Path, picture: NDArray[np.uint8]
) -> None:
    loaded = FlowActPipeline.from_pretrained(saved)
    assert loaded.scheduler.settings == pipeline.scheduler.settings
    one, other = (
        np.stack([frame.image for frame in made.stream(picture, speech(0.6))])
        for made in (pipeline, loaded)
    )
    # Loaded weights may lie in memory another way, which rounds the last bit of a sum differently.
    np.testing.assert_allclose(one.astype(int), other.astype(int), atol=1)


def test_bfloat16_generates_nearly_the_same(
    pipeline: FlowActPipeline, saved: Path, picture: NDArray[np.uint8]
) -> None:
    rounded = FlowActPipeline.from_pretrained(saved, dtype=torch.bfloat16)
    assert rounded.transformer.dtype == torch.bfloat16
    one, other = (
        np.stack([frame.image for frame in made.stream(picture, speech(0.6))]).astype(int)
        for made in (pipeline, rounded)
    )
    assert 0 < np.abs(one - other).mean() < 4


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_pipeline_that_was_moved_to_a_format_is_the_one_that_was_loaded_so(
    saved: Path, dtype: torch.dtype
) -> None:
    moved = FlowActPipeline.from_pretrained(saved)
    assert moved.to("cpu", dtype) is moved and moved.dtype == dtype
    loaded = FlowActPipeline.from_pretrained(saved, dtype=dtype)
    for name in ("transformer", "tokenizer"):
        one, other = (made.components[name].state_dict() for made in (moved, loaded))
        for key, weight in one.items():
            assert weight.dtype == other[key].dtype and torch.equal(weight, other[key]), key


def test_a_checkpoint_of_before_is_read(saved: Path) -> None:
    path = saved / "model_index.json"
    path.write_text(path.read_text().replace("SamplingConfig", "FlowActScheduler"))
    assert FlowActPipeline.from_pretrained(saved).scheduler.settings


def test_the_packaged_checkpoint_has_a_name(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWACT_ASSETS", str(tmp_path))
    assert FlowActPipeline.from_pretrained("default").dtype == torch.float32


def test_a_repository_of_the_hub_is_fetched_by_the_hubs_own_call(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def download(repository: str, allow_patterns: list[str]) -> str:
        asked.append((repository, allow_patterns))
        return str(saved)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert FlowActPipeline.from_pretrained("flowact/default")
    folders = ("transformer", "tokenizer", "scheduler", "audio_features", "text_features")
    patterns = ["model_index.json", "pipeline.py", *(f"{folder}/*" for folder in folders)]
    assert asked == [("flowact/default", patterns)]


def test_a_repository_that_cannot_be_fetched_is_one_sentence() -> None:
    with pytest.raises(UserError, match="There is no folder nobody/nothing, and the hub gives"):
        FlowActPipeline.from_pretrained("nobody/nothing")


def break_checkpoint(saved: Path, case: str) -> None:
    weights, index = saved / "transformer" / WEIGHTS, saved / "model_index.json"
    if case == "no index":
        index.unlink()
    elif case == "index":
        index.write_text("{")
    elif case == "entry":
        index.write_text(json.dumps(json.loads(index.read_text()) | {"tokenizer": None}))
    elif case == "foreign class":
        entry = {"tokenizer": ["subprocess", "Popen"]}
        index.write_text(json.dumps(json.loads(index.read_text()) | entry))
    elif case == "no weights":
        weights.unlink()
    elif case == "cut weights":
        weights.write_bytes(weights.read_bytes()[:-1000])
    elif case == "garbage":
        weights.write_bytes(b"garbage" * 100)
    elif case == "config":
        (saved / "transformer" / "config.json").write_text("no json")
    elif case == "scheduler":
        (saved / "scheduler" / "scheduler_config.json").write_text('{"kind": "spiral"}')
    else:
        tensors = load_file(weights)
        tensors["video_out.bias"] = tensors["video_out.bias"][:-1].clone()
        save_file(tensors, weights) if case == "shape" else None
        tensors["video_out.bias"] = torch.full_like(load_file(weights)["video_out.bias"], math.nan)
        save_file(tensors, weights) if case == "not a number" else None
        del tensors["video_out.bias"]
        save_file(tensors, weights) if case == "missing tensor" else None


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("no index", "There is no checkpoint in .*model_index.json is missing"),
        ("index", "is damaged: model_index.json is not JSON"),
        ("entry", "model_index.json names no tokenizer"),
        ("foreign class", "needs subprocess.Popen, which this FlowAct has not"),
        ("no weights", "The transformer in .* cannot be loaded"),
        ("cut weights", "The transformer in .* cannot be loaded"),
        ("garbage", "The transformer in .* cannot be loaded"),
        ("config", "The transformer in .* cannot be loaded"),
        ("scheduler", "The scheduler in .* cannot be loaded: kind 'spiral'"),
        ("shape", "The transformer in .* cannot be loaded"),
        ("missing tensor", "do not fit: video_out.bias"),
        ("not a number", "The weights in .* are damaged: video_out.bias is not finite"),
    ],
)
def test_a_damaged_checkpoint_is_refused_in_one_sentence(
    saved: Path, case: str, reason: str
) -> None:
    break_checkpoint(saved, case)
    with pytest.raises(UserError, match=reason) as caught:
        FlowActPipeline.from_pretrained(saved)
    assert "\n" not in str(caught.value)
