"""Sizes of a FlowAct model as YAML files, checked strictly: an unknown key is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from flowact.errors import UserError

Box = tuple[float, float, float, float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TransformerSize(_Strict):
    """Arguments of `FlowActTransformer`; see there."""

    latent_channels: PositiveInt
    latent_height: PositiveInt
    latent_width: PositiveInt
    patch_size: PositiveInt
    views: tuple[Box, ...] = Field(min_length=1)
    dim: PositiveInt
    audio_dim: PositiveInt
    audio_layers: PositiveInt = 4
    text_dim: PositiveInt
    heads: PositiveInt
    head_dim: PositiveInt = Field(multiple_of=16)
    layers: PositiveInt
    mlp_ratio: PositiveFloat
    text_tokens: PositiveInt


class Codec(_Strict):
    """What turns latents into frames: our compact tokenizer, or an autoencoder of diffusers."""

    kind: Literal["compact", "AutoencoderKLWan"]


class Preset(_Strict):
    """A model's sizes and what it is for."""

    name: str
    description: str
    transformer: TransformerSize
    codec: Codec


def preset_names() -> list[str]:
    """Return the names of the presets that come with the package."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.yaml"))


def load_preset(name: str) -> Preset:
    """Load a preset by name, or from a path that ends in `.yaml`.

    Raises:
        UserError: no such preset, or a file that is not one; the message names the offending keys.
    """
    path = Path(name) if name.endswith(".yaml") else Path(__file__).parent / f"{name}.yaml"
    if not path.is_file():
        raise UserError(f"There is no preset {name!r}; known are {', '.join(preset_names())}.")
    try:
        return Preset.model_validate(_read(path))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        raise UserError(f"{path.name} is not a preset: {faults}.") from error


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} is not a YAML file.") from error
