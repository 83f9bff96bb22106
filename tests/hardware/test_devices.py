from __future__ import annotations

import pytest
import torch

from flowact.errors import UserError
from flowact.hardware.devices import choose_devices


def gpus(monkeypatch: pytest.MonkeyPatch, *capabilities: tuple[int, int]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: bool(capabilities))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(capabilities))
    monkeypatch.setattr(
        torch.cuda, "get_device_capability", lambda device: capabilities[device.index]
    )


def test_without_a_wish_the_first_gpu_or_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch)
    assert choose_devices(None) == (torch.device("cpu"),)
    gpus(monkeypatch, (9, 0), (9, 0))
    assert choose_devices(None) == (torch.device("cuda:0"),)


def test_devices_come_in_the_order_in_which_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus(monkeypatch, (8, 0), (8, 0))
    assert choose_devices("cuda:1, cuda") == (torch.device("cuda:1"), torch.device("cuda:0"))
    assert choose_devices("cpu,cpu") == (torch.device("cpu"),) * 2


@pytest.mark.parametrize(
    ("asked", "there", "reason"),
    [
        ("cuda:0", [], "names cuda:0; PyTorch finds no GPU here"),
        ("cuda:0,cuda:1,cuda:2", [(8, 0)], "names cuda:1, cuda:2; PyTorch finds 1 GPU here"),
        ("cuda:0,cuda:1", [(8, 0), (9, 0)], "of one kind, not sm_80 and sm_90"),
        ("cpu,cuda:0", [(8, 0)], "of one kind, not cpu and sm_80"),
        ("gpu", [(8, 0)], "cannot be 'gpu'; expected cpu, cuda:0"),
        ("", [], "cannot be ''; expected"),
        ("mps", [], "names mps; FlowAct runs on cpu and cuda"),
    ],
)
def test_what_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, asked: str, there: list[tuple[int, int]], reason: str
) -> None:
    gpus(monkeypatch, *there)
    with pytest.raises(UserError, match=reason):
        choose_devices(asked)
