"""Which devices a user asked for, and whether they are there.

`--devices` takes names as PyTorch writes them, separated by commas: `cuda:0,cuda:1`, `cuda`, `cpu`. One
name may come twice: two processes then share that device, which is good for tests and for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from flowact.errors import UserError


def choose_devices(asked: str | None) -> tuple[torch.device, ...]:
    """Read `--devices`; without it the first GPU, or the processor where there is none.

    Raises:
        UserError: a name is none, a device is not there, or GPUs differ in what they can do.
    """
    if asked is None:
        return (torch.device("cuda:0" if torch.cuda.is_available() else "cpu"),)
    devices = tuple(_device(name.strip()) for name in asked.split(","))
    _check_present(devices)
    _check_alike(devices)
    return devices


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(
            f"--devices cannot be {name!r}; expected cpu, cuda:0, or several with commas between."
        ) from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"--devices names {name}; FlowAct runs on cpu and cuda.")
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else torch.device("cpu")


def _check_present(devices: Sequence[torch.device]) -> None:
    there = torch.cuda.device_count()
    missing = sorted({str(d) for d in devices if d.type == "cuda" and (d.index or 0) >= there})
    if missing:
        found = f"{there} GPU{'' if there == 1 else 's'}" if there else "no GPU"
        raise UserError(f"--devices names {', '.join(missing)}; PyTorch finds {found} here.")


def _check_alike(devices: Sequence[torch.device]) -> None:
    """One plan of number formats serves all devices, so they must be of one kind."""
    kinds = {_kind(device) for device in devices}
    if len(kinds) > 1:
        raise UserError(
            f"--devices must be of one kind, not {' and '.join(sorted(kinds))}: "
            "they would compute in different number formats."
        )


def _kind(device: torch.device) -> str:
    if device.type == "cpu":
        return "cpu"
    major, minor = torch.cuda.get_device_capability(device)
    return f"sm_{major}{minor}"
