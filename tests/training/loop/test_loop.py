import json
import os
import signal
import threading

import pytest
import torch
from torch import nn

from flowact.errors import UserError
from flowact.training.loop.checkpoints import load_averaged_weights, load_newest
from flowact.training.loop.ema import Ema
from flowact.training.loop.learning_rate import LearningRateSchedule
from flowact.training.loop.loop import Loop, LoopSettings


class LineFit:
    """Fit y = 2x - 1; the batches depend on the step alone, so a resumed run must repeat a straight one."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.model = nn.Linear(1, 1)
        self.extras = {"note": Note()}
        self.bad_step = -1

    def loss(self, model, step):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(64, 1, generator=generator)
        loss = (model(x) - (2 * x - 1)).float().square().mean()
        return loss * (float("nan") if step == self.bad_step else 1.0), {"x": x.mean()}

    def evaluate(self, model, run, step):
        return {"slope": model.weight.item()}


class Note:
    def __init__(self) -> None:
        self.text = "fresh"

    def state_dict(self):
        return {"text": self.text}

    def load_state_dict(self, state):
        self.text = state["text"]


def settings(run, **changes) -> LoopSettings:
    schedule = LearningRateSchedule(0.05, warmup=5)
    return LoopSettings(run, schedule, **{"steps": 120, "log_every": 20, "ema": 0.9, **changes})


def test_it_learns_and_reports(tmp_path) -> None:
    loop = Loop(LineFit(), settings(tmp_path))
    assert loop.train() == 120
    assert loop.ema.model.weight.item() == pytest.approx(2, abs=0.1)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    reports = [line for line in lines if "loss" in line]
    assert [line["step"] for line in reports] == [20, 40, 60, 80, 100, 120]
    assert reports[-1]["loss"] < reports[0]["loss"] / 10
    assert any("slope" in line for line in lines) and (tmp_path / "curves.png").exists()
    torch.testing.assert_close(load_averaged_weights(tmp_path)["weight"], loop.ema.model.weight)


def test_a_resumed_run_equals_a_straight_one(tmp_path) -> None:
    straight = Loop(LineFit(), settings(tmp_path / "a"))
    straight.train()
    first = LineFit()
    first.extras["note"].text = "kept"
    Loop(first, settings(tmp_path / "b", steps=50)).train()
    second = LineFit()
    resumed = Loop(second, settings(tmp_path / "b"))
    assert resumed.step == 50 and second.extras["note"].text == "kept"
    resumed.train()
    for a, b in zip(straight.ema.model.parameters(), resumed.ema.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_sigterm_saves_and_ends(tmp_path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    loop = Loop(LineFit(), settings(tmp_path, steps=None))
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()
    with pytest.raises(UserError, match="interrupted at step .* goes on with it"):
        loop.train()
    saved = load_newest(tmp_path)
    assert saved is not None and saved.step == loop.step > 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_time_is_a_limit(tmp_path) -> None:
    assert Loop(LineFit(), settings(tmp_path, steps=None, minutes=0.003)).train() > 0


def test_a_broken_batch_is_skipped(tmp_path) -> None:
    stage = LineFit()
    stage.bad_step = 0
    loop = Loop(stage, settings(tmp_path))
    before = stage.model.weight.clone()
    assert loop.advance() == {"skipped": 1.0}
    assert torch.equal(stage.model.weight, before)
    assert loop.advance()["skipped"] == 0.0
    assert not torch.equal(stage.model.weight, before)


def test_only_the_newest_checkpoints_are_kept(tmp_path) -> None:
    loop = Loop(LineFit(), settings(tmp_path))
    for loop.step in (1, 2, 3):
        loop.save()
    assert sorted(p.name for p in tmp_path.glob("*step*")) == ["step-00000002", "step-00000003"]
    with pytest.raises(UserError, match="holds no training checkpoint"):
        load_averaged_weights(tmp_path / "nowhere")


def test_schedule() -> None:
    plain = LearningRateSchedule(1.0, warmup=10)
    assert plain.rate(0) == pytest.approx(0.1) and plain.rate(9) == plain.rate(10_000) == 1.0
    decaying = LearningRateSchedule(1.0, warmup=10, decay_from=100, decay_to=200, floor=0.1)
    assert decaying.rate(100) == 1.0
    assert decaying.rate(150) == pytest.approx(0.55)
    assert decaying.rate(200) == decaying.rate(999) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="200..100"):
        LearningRateSchedule(1.0, decay_from=200, decay_to=100)
    with pytest.raises(ValueError, match="together"):
        LearningRateSchedule(1.0, decay_from=200)


def test_the_average_forgets_its_start() -> None:
    model = nn.Linear(1, 1, bias=False)
    ema = Ema(model, decay=0.99)
    with torch.no_grad():
        model.weight.fill_(5.0)
    for step in range(30):
        ema.update(model, step)
    assert ema.model.weight.item() == pytest.approx(5.0, abs=0.01)
    with pytest.raises(ValueError, match="decay is 1"):
        Ema(model, decay=1)
