"""What `flowact plan` prints, of the large preset with two narrow layers."""

import argparse
import json

import pytest

from flowact.commands import plan
from flowact.presets import load_preset


@pytest.fixture(autouse=True)
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    preset = load_preset("large")
    size = preset.transformer.model_copy(update={"dim": 1024, "heads": 8, "layers": 2})
    sizes = {**preset.codec.sizes, "base_dim": 8, "decoder_base_dim": 8}
    codec = preset.codec.model_copy(update={"sizes": sizes})
    made = preset.model_copy(update={"transformer": size, "codec": codec})
    monkeypatch.setattr(plan, "load_preset", lambda _: made)


@pytest.mark.parametrize("as_json", [False, True])
def test_gpus_alone_and_groups_are_predicted(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    plan.run(argparse.Namespace(preset="large", json=as_json))
    printed = capsys.readouterr().out
    if as_json:
        found = json.loads(printed)
        assert [row["linear"] for row in found["gpus"]] == ["bf16", "int8", "bf16", "fp8"]
        assert {row["pays"] for row in found["groups"]} <= {"yes", "tiny decoder", "no"}
        assert len(found["groups"]) == 2 * 4 * 2
    else:
        assert "Predicted, not measured" in printed
        assert printed.count("ulysses") == 4
