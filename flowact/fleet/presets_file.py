"""Several presets in one fleet: a YAML file, or what a RayService passes on, checked strictly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from flowact.errors import UserError
from flowact.fleet.plan import DEFAULT_PRESET, AvatarPlan
from flowact.live.settings import LiveSettings
from flowact.presets import load_preset


class PresetPlan(BaseModel):
    """What one preset has of its own; everything else is as the command's options say.

    Attributes:
        replicas: at least and at most, like `2:10`.
        sessions: places of each; as many as are measured, if left out.
        devices: as `--devices`.
        resources: of Ray that a replica reserves on one machine, like `{GPU: 2}`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    replicas: str = Field("1", coerce_numbers_to_str=True)
    sessions: PositiveInt | None = None
    devices: str | None = None
    resources: dict[str, PositiveFloat] = Field(default_factory=dict)

    def plan(self, preset: str, usual: LiveSettings) -> AvatarPlan:
        """Return the replicas of a preset.

        Raises:
            UserError: there is no such preset, or it says what makes no sense.
        """
        own: dict[str, Any] = {"preset": None if preset == DEFAULT_PRESET else preset}
        load_preset(preset)
        if self.sessions is not None:
            own |= {"sessions": self.sessions, "measure": False}
        if self.devices is not None:
            own["devices"] = self.devices
        least, most = replica_range(self.replicas)
        return AvatarPlan(replace(usual, **own), least, most, resources=dict(self.resources))


class PresetsFile(BaseModel):
    """Presets by name, in the order in which the page offers them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    presets: dict[str, PresetPlan] = Field(min_length=1)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a YAML file.

        Raises:
            UserError: there is none, or not such a one.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--presets {path} cannot be read: {error}") from error
        except yaml.YAMLError as error:
            raise UserError(f"--presets {path} cannot be read: {_where_torn(error)}.") from error
        except ValidationError as error:
            raise UserError(f"--presets {path}: {first_mistake(error)}") from error

    def plans(self, usual: LiveSettings) -> dict[str, AvatarPlan]:
        """Return the replicas of all presets."""
        return {name: preset.plan(name, usual) for name, preset in self.presets.items()}


def first_mistake(error: ValidationError) -> str:
    """Return the first thing that is wrong, and where."""
    first = error.errors()[0]
    where = ".".join(map(str, first["loc"])) or "the file"
    return f"{where}: {first['msg']}."


def _where_torn(error: yaml.YAMLError) -> str:
    """Return what is no YAML, and in which line; the parser's own words are several lines."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return str(error).partition("\n")[0]


def replica_range(words: str) -> tuple[int, int]:
    """Read `2` or `1:10`.

    Raises:
        UserError: neither of them.
    """
    first, _, second = words.partition(":")
    try:
        return int(first), int(second or first)
    except ValueError as error:
        raise UserError(f"--replicas must be like 2 or 1:10, not {words!r}.") from error
