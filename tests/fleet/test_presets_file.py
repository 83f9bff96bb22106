"""Several presets in one file, and what is said of a file that makes no sense."""

from pathlib import Path

import pytest

from flowact.errors import UserError
from flowact.fleet.deploy import check_resources
from flowact.fleet.plan import FleetPlan
from flowact.fleet.presets_file import PresetsFile
from flowact.live.settings import LiveSettings

USUAL = LiveSettings(ticket_key="secret", measure=True, sessions=2)
TWO = """
presets:
  default: {replicas: "2:10"}
  large: {replicas: 1, sessions: 8, devices: "cuda:0,cuda:1", resources: {GPU: 2}}
"""


def read(folder: Path, text: str) -> PresetsFile:
    path = folder / "presets.yaml"
    path.write_text(text)
    return PresetsFile.read(path)


def test_every_preset_has_replicas_of_its_own(tmp_path):
    default, large = (plans := read(tmp_path, TWO).plans(USUAL)).values()
    assert list(plans) == ["default", "large"]
    assert (default.least, default.most) == (2, 10) and default.settings == USUAL
    assert large.settings.preset == "large" and large.settings.devices == "cuda:0,cuda:1"
    assert large.settings.sessions == 8 and not large.settings.measure
    assert large.resources == {"GPU": 2}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("presets: {default: {replica: 2}}", "presets.default.replica: Extra inputs"),
        ("presets: {huge: {}}", "huge"),
        ("presets: {default: {replicas: many}}", "--replicas must be like 2 or 1:10, not 'many'"),
        ("presets: {default: {resources: {GPU: 0}}}", "greater than 0"),
        ("presets: {}", "at least 1 item"),
        ("presets: [", "cannot be read: line 1: expected the node content"),
        ("presets:\n  default: {}\n  large: {replicas: 1}}\n", "cannot be read: line 3: "),
        ("presets: \0", "cannot be read: unacceptable character"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(tmp_path, text, sentence):
    with pytest.raises(UserError) as said:
        read(tmp_path, text).plans(USUAL)
    assert sentence in str(said.value) and "\n" not in str(said.value)


def test_devices_that_no_machine_has_together_are_said(tmp_path):
    fleet = FleetPlan(USUAL, read(tmp_path, TWO).plans(USUAL))
    check_resources(fleet, [{"CPU": 2.0}, {"CPU": 8.0, "GPU": 2.0}])
    with pytest.raises(UserError, match="what a server of large needs: GPU 2"):
        check_resources(fleet, [{"GPU": 1.0}, {"GPU": 1.0}])
