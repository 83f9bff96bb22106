"""Settings that every test shares, and which tests may run side by side."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the other core belongs to the other process
gc.disable()  # imports make much and leave nothing behind: a quarter of their time is looking for it


def pytest_collection_finish() -> None:
    """What was imported stays: the collector need not look at it in every test."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="module", autouse=True)
def exact_products() -> Iterator[None]:
    """Training allows its whole process coarser float32 products on a processor; the next file's are exact again."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_float32_matmul_precision("highest")


@pytest.fixture(scope="module", autouse=True)
def shared_processor() -> Iterator[None]:
    """A library may make itself real-time where it is run by root: then servers and other tests starve."""
    yield
    if hasattr(os, "sched_getscheduler"):
        assert os.sched_getscheduler(0) == os.SCHED_OTHER, "this process has real-time priority now"


LANES: Final = {
    "page": ("tests/attacks/", "tests/browser/", "tests/live/"),
    "servers": ("tests/examples/", "tests/fleet/", "tests/packaging/", "tests/serving/"),
}
"""Tests of one lane follow each other in one process. Many real servers at once would disturb each
other's timing, and fixtures of the whole run are made once."""


def lane(nodeid: str) -> str:
    """The lane of a test; a file without one is a lane of its own, so that its fixtures are made once."""
    file = nodeid.partition("::")[0]
    return next((name for name, places in LANES.items() if file.startswith(places)), file)


class LaneScheduling(LoadScopeScheduling):
    """Gives whole lanes to the processes, those with the most tests first."""

    def _split_scope(self, nodeid: str) -> str:
        return lane(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> LaneScheduling:
    return LaneScheduling(config, log)
