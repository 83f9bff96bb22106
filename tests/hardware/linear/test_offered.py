"""A checkpoint's formats are kept beside its weights, and those that harm the lips are not used."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from flowact.errors import UserError
from flowact.hardware.linear.choice import apply_linear
from flowact.hardware.linear.offered import FormatCost, read_formats, refusals, write_formats
from flowact.hardware.linear.switch import LinearChoice
from tests.tiny_transformer import tiny_transformer

GOOD = FormatCost(0.03, 0.04, 0.881, -0.002, 0.925, True)
BAD = replace(GOOD, lips_change=-0.0061, offered=False)


def test_formats_are_read_as_they_were_written(tmp_path: Path) -> None:
    costs = {"int8 per row": GOOD, "fp8 per row": BAD}
    assert write_formats(tmp_path, costs) == tmp_path / "formats.json"
    assert read_formats(tmp_path) == costs
    assert read_formats(tmp_path / "another") == {}


@pytest.mark.parametrize("text", ["no JSON", "[]", json.dumps({"int8": {"lips": 1}})])
def test_a_damaged_file_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "formats.json").write_text(text)
    with pytest.raises(UserError, match=r"is damaged: formats\.json is not readable"):
        read_formats(tmp_path)


def test_what_harms_the_lips_is_not_offered(caplog: pytest.LogCaptureFixture) -> None:
    refused = refusals({"int8 per row": GOOD, "fp8 per row": BAD, "fp8 per tensor": BAD})
    with caplog.at_level(logging.WARNING):
        assert apply_linear(tiny_transformer(), LinearChoice("fp8"), "native", refused) == "native"
    assert "fp8 per row cannot be used on cpu: this checkpoint's lips would differ by -0.006" in (
        caplog.text
    )
    made = apply_linear(tiny_transformer(), LinearChoice("int8"), "native", refused)
    assert made == "int8 per row"
