"""Sizes of a FlowAct model as YAML files, checked strictly: an unknown key is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from flowact.errors import UserError
from flowact.timebase import FRAME_SIZE, FRAMES_PER_LATENT

DEFAULT: Final = "default"
"""The preset of the checkpoint that comes with FlowAct."""

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
    audio_width: NonNegativeInt = 0
    text_width: NonNegativeInt = 0

    @model_validator(mode="after")
    def _divides(self) -> Self:
        """Patches must tile the latent, and views lie side by side in it."""
        patch, columns = self.patch_size, len(self.views) * self.patch_size
        if self.latent_height % patch or self.latent_width % columns:
            raise ValueError(
                f"a latent of {self.latent_height}x{self.latent_width} cells does not divide into "
                f"{len(self.views)} view(s) of {patch}x{patch} patches"
            )
        return self


class Codec(_Strict):
    """What turns latents into frames: our compact tokenizer, or an autoencoder of diffusers.

    Attributes:
        kind: `compact`, or the autoencoder's class in diffusers.
        sizes: its arguments there; what is not named has the class's own value.
        tiny_decoder: decode by a tiny decoder in the place of the autoencoder's own.
    """

    kind: Literal["compact", "AutoencoderKLWan"]
    sizes: dict[str, Any] = {}
    tiny_decoder: bool = False

    @property
    def channels(self) -> int:
        """Channels of a latent of the autoencoder."""
        return int(self.sizes.get("z_dim", 16))

    @property
    def pixels(self) -> int:
        """Pixels of the frame along a cell of the autoencoder's latent."""
        return int(self.sizes.get("scale_factor_spatial", 8))

    @model_validator(mode="after")
    def _keeps_time(self) -> Self:
        """A latent holds four frames everywhere in FlowAct."""
        ratio = self.sizes.get("scale_factor_temporal", FRAMES_PER_LATENT)
        if self.kind != "compact" and ratio != FRAMES_PER_LATENT:
            raise ValueError(f"{ratio} frames per latent; FlowAct needs {FRAMES_PER_LATENT}")
        return self


class PretrainedNetwork(_Strict):
    """A network of transformers whose features the transformer is conditioned on.

    Attributes:
        kind: which.
        sizes: its configuration; what is not named has the library's own value.
    """

    kind: Literal["whisper", "wav2vec2", "umt5"]
    sizes: dict[str, Any] = {}

    @property
    def width(self) -> int:
        """Numbers of a feature: two of the network's for every video frame, one for a token of text."""
        name, usual = {
            "whisper": ("d_model", 384), "wav2vec2": ("hidden_size", 768), "umt5": ("d_model", 512)
        }[self.kind]  # fmt: skip
        return int(self.sizes.get(name, usual)) * (1 if self.kind == "umt5" else 2)


class Preset(_Strict):
    """A model's sizes and what it is for.

    Attributes:
        transformer: its sizes.
        codec: what its latents are.
        audio: what hears for it; without one it hears log-mel frames.
        text: what reads for it; without one it reads hashed words.
    """

    name: str
    description: str
    transformer: TransformerSize
    codec: Codec
    audio: PretrainedNetwork | None = None
    text: PretrainedNetwork | None = None

    @model_validator(mode="after")
    def _reads(self) -> Self:
        """The transformer's encoders must be as wide as the features that they are given."""
        for name, network in (("audio", self.audio), ("text", self.text)):
            given = getattr(self.transformer, f"{name}_width")
            wanted = network.width if network else 0
            if given != wanted:
                raise ValueError(
                    f"transformer.{name}_width is {given}; the features are {wanted} wide"
                )
            if network and (network.kind == "umt5") != (name == "text"):
                raise ValueError(f"{name}.kind cannot be {network.kind}")
        return self

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """The transformer's latents must be those that the autoencoder makes of a frame."""
        if self.codec.kind == "compact":
            return self
        size, cells = self.transformer, FRAME_SIZE // self.codec.pixels
        given = (size.latent_channels, size.latent_height, size.latent_width)
        if given != (self.codec.channels, cells, cells):
            raise ValueError(
                f"latents of {'x'.join(map(str, given))}; this codec makes "
                f"{self.codec.channels}x{cells}x{cells} of a frame"
            )
        return self


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
            f"{'.'.join(map(str, fault['loc'])) or 'preset'}: {fault['msg']}"
            for fault in error.errors()
        )
        raise UserError(f"{path.name} is not a preset: {faults}.") from error


def _read(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} is not a YAML file.") from error
