"""What was asked for is recognised in the truth, and in nothing else."""

import numpy as np
import pytest
import torch

from flowact.datagen.performance import motion_statistics
from flowact.datagen.performance.behaviours import BEHAVIOURS
from flowact.evaluation.measures import recognition
from flowact.evaluation.measures.recognition import LEAD_SECONDS, WINDOW, act, describe, recognise
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.settings import StepSettings
from flowact.tokenizer.tokenizer import Tokenizer
from tests.tokenizer.test_tokenizer import SMALL


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    made = Tokenizer({**SMALL, "view": "whole"}, {**SMALL, "view": "face"})
    for view in (made.whole, made.face):
        view.code.adopt(*map(torch.from_numpy, motion_statistics.load()))
    return made


def test_a_performance_idles_and_then_does_what_is_asked() -> None:
    clip = act("waving", 1)
    request = round(LEAD_SECONDS * 25)
    assert set(clip.behaviour[: request - 2].tolist()) == {BEHAVIOURS.index("idling")}
    assert set(clip.behaviour[request + 2 :].tolist()) == {BEHAVIOURS.index("waving")}
    assert len(clip.motion) - request >= WINDOW


def test_a_channel_is_described_by_what_it_does() -> None:
    motion = torch.zeros(1, 60, 2)
    motion[0, ::2, 1] = 1.0
    assert describe(motion)[0].tolist() == pytest.approx([0, 0.5, 0, 0.504, 0, 1, 0, 1], abs=0.01)


def test_the_truth_is_recognised_and_stillness_is_not(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = ("waving", "laughing", "thinking")
    monkeypatch.setattr(recognition, "BEHAVIOURS", few)
    network, settings = FlowActTransformer.__new__(FlowActTransformer), StepSettings()

    def truth(_model: object, clips: list, _settings: object) -> torch.Tensor:
        return torch.stack([clip.z.float() for clip in clips])

    def stillness(_model: object, clips: list, _settings: object) -> torch.Tensor:
        return truth(_model, clips, _settings)[:, :1].expand(-1, len(clips[0]), -1, -1, -1)

    monkeypatch.setattr(recognition, "generate", truth)
    found = recognise(network, settings, tokenizer, trained_on=6, asked=2)
    assert found.made == found.truth == dict.fromkeys(few, 1.0)
    assert np.array_equal(found.confusion, 2 * np.eye(3))
    assert 0 <= found.transition_seconds < 1
    monkeypatch.setattr(recognition, "generate", stillness)
    found = recognise(network, settings, tokenizer, trained_on=6, asked=2)
    assert sum(found.made.values()) < 2
