"""A gateway that waits for nobody longer than a test can."""

import pytest

from flowact.fleet.gate import place_counter


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(place_counter, "SETTLING_SECONDS", 0.0)
    monkeypatch.setattr(place_counter, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(place_counter, "PAUSE_SECONDS", 0.005)
