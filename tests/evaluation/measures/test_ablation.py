import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from flowact.datagen.performance import motion_statistics
from flowact.evaluation.measures.ablation import (
    Variant,
    interval,
    measure_variant,
    others,
    plain,
    sentences,
    variants,
)
from flowact.evaluation.measures.memory_ablation import MaskedMemoryTransformer
from flowact.mmdit.memory import LONG_TERM, REFERENCE, SHORT_TERM
from flowact.mmdit.model import FlowActTransformer
from flowact.mmdit.packed import pack
from flowact.pipeline.sampling import SamplingConfig
from flowact.streaming.settings import StepSettings
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.data.latents import LatentClip
from flowact.training.transformer.rollouts import generate
from tests.tokenizer.test_tokenizer import SMALL


@pytest.fixture(scope="module")
def clips() -> list[LatentClip]:
    return sentences(2)


@pytest.fixture(scope="module")
def model() -> FlowActTransformer:
    torch.manual_seed(0)
    sizes = {"patch_size": 8, "dim": 32, "audio_dim": 16, "text_dim": 16, "heads": 1}
    made = FlowActTransformer(**sizes, head_dim=32, layers=1).eval().requires_grad_(False)
    for values in made.parameters():  # a fresh network's gates are shut
        values.add_(0.05 * torch.randn_like(values))
    return made


def test_an_interval_holds_the_mean_of_what_is_known() -> None:
    found = interval(np.array([1.0, 2.0, 3.0, np.nan]))
    assert found.mean == 2.0
    assert 1.0 <= found.low < 2.0 < found.high <= 3.0
    assert np.isnan(interval(np.array([np.nan])).mean)
    assert str(found).startswith("2.00±")


def test_every_part_is_taken_away_once(model: FlowActTransformer) -> None:
    names = [v.name for v in variants(model, SamplingConfig())]
    assert len(set(names)) == len(names)
    assert {"as shipped", "without memory", "without long-term memory"} <= set(names)
    assert sum(name.startswith("sequential") for name in names) == 6


def test_another_run_is_seen_as_trained_and_with_more_calls(
    model: FlowActTransformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = SamplingConfig(shift=20.0)
    monkeypatch.setattr(
        "flowact.evaluation.measures.ablation.load_stage", lambda _: (model, scheduler)
    )
    trained, patient = others("joint", Path("run"), torch.float32)
    assert (trained.name, patient.name) == ("joint", "joint, 7 calls")
    steps = [len(v.settings.schedule.rows) - 1 for v in (trained, patient)]
    assert steps[1] == 7 * steps[0]


def test_a_model_that_forgets_makes_something_else_from_the_second_chunk_on(
    model: FlowActTransformer, clips: list[LatentClip]
) -> None:
    whole = generate(model, clips, StepSettings())
    for kept in ((REFERENCE,), (REFERENCE, SHORT_TERM), (REFERENCE, LONG_TERM, SHORT_TERM)):
        made = generate(MaskedMemoryTransformer.of(model, *kept), clips, StepSettings())
        assert torch.equal(made[:, :3], whole[:, :3])
        assert torch.equal(made[:, -3:], whole[:, -3:]) == (len(kept) == 3)


def test_a_transformer_that_was_made_quick_is_masked_too(
    model: FlowActTransformer, clips: list[LatentClip]
) -> None:
    quick = copy.deepcopy(model).bfloat16()
    pack(quick)
    whole = generate(quick, clips, StepSettings())
    kept = (REFERENCE, LONG_TERM, SHORT_TERM)
    assert torch.equal(
        generate(MaskedMemoryTransformer.of(quick, *kept), clips, StepSettings()), whole
    )


def test_the_truth_scores_as_the_truth(
    clips: list[LatentClip], monkeypatch: pytest.MonkeyPatch, model: FlowActTransformer
) -> None:
    truth = torch.stack([clip.z.float() for clip in clips])
    monkeypatch.setattr("flowact.evaluation.measures.ablation.generate", lambda *_, **__: truth)
    tokenizer = Tokenizer({**SMALL, "view": "whole"}, {**SMALL, "view": "face"})
    for view in (tokenizer.whole, tokenizer.face):
        view.code.adopt(*map(torch.from_numpy, motion_statistics.load()))
    found = measure_variant(Variant("truth", model, StepSettings()), tokenizer, clips, seeds=1)
    assert found["lips"].mean > 0.99
    assert found["lips_wrong"].mean < 0.5
    assert found["richness"].mean == pytest.approx(1, abs=0.02)
    assert found["shut"].mean > 0.8
    assert abs(found["silence"].mean) < 0.01
    assert plain({"truth": found})["truth"]["lips"][0] == found["lips"].mean
