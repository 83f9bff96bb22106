from __future__ import annotations

import pytest
import torch

from flowact.errors import UserError
from flowact.hardware.memory import FULL, is_out_of_memory, memory_suffices, peak_rss_mb, rss_mb


def test_what_a_full_memory_raises_is_one_sentence() -> None:
    with pytest.raises(UserError, match=FULL), memory_suffices():
        torch.empty(2**56, dtype=torch.uint8)  # more than any address
    with pytest.raises(UserError, match=FULL), memory_suffices():
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="must match"), memory_suffices():
        torch.zeros(2) + torch.zeros(3)
    assert not is_out_of_memory(ValueError("can't allocate memory"))


def test_a_process_holds_some_memory() -> None:
    assert 0 < rss_mb() < 1.05 * peak_rss_mb(), "the kernel counts both a little late"
