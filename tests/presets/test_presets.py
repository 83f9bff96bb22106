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
        ("layers: 30", "layer: 30", "transformer.layer"),
        ("dim: 3072", "dim: -1", "greater than 0"),
        ("patch_size: 2\n  views", "patch_size: 4\n  views", "30x30 cells does not divide"),
        ("latent_height: 30", "latent_height: 60", "this codec makes 48x30x30"),
        ("z_dim: 48", "z_dim: 16", "latents of 48x30x30; this codec makes 16x30x30"),
        ("scale_factor_temporal: 4", "scale_factor_temporal: 8", "codec: .*8 frames per latent"),
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
