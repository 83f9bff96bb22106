from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch

from flowact.errors import UserError
from flowact.mmdit.model import FlowActTransformer
from flowact.presets import load_preset, preset_names


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_names_itself_and_all_that_the_network_can_be_told(name: str) -> None:
    preset = load_preset(name)
    size = preset.transformer.model_dump()
    assert preset.name == name
    assert list(size) == list(inspect.signature(FlowActTransformer).parameters)
    with torch.device("meta"):
        FlowActTransformer(**size)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("layers: 28", "layer: 28", "transformer.layer"),
        ("dim: 2048", "dim: -1", "greater than 0"),
        ("head_dim: 128", "head_dim: 100", "multiple of 16"),
        ("AutoencoderKLWan", "AutoencoderKL", "codec.kind"),
        ("name:", "{", "not a YAML file"),
    ],
)
def test_a_wrong_preset_is_refused_with_the_offending_key(
    tmp_path: Path, before: str, after: str, reason: str
) -> None:
    text = (Path(inspect.getfile(load_preset)).parent / "large.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace(before, after))
    with pytest.raises(UserError, match=reason):
        load_preset(str(tmp_path / "mine.yaml"))


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(UserError, match="known are default, large"):
        load_preset("huge")
